package events

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/policy/consent"
	"tandem/rtc/presence"
	"tandem/test/harness"
)

// administered is a server that takes operations by its socket.
type administered struct {
	*harness.Rig
	t    *testing.T
	data string
}

func administer(t *testing.T) *administered {
	a := &administered{t: t}
	a.Rig = harness.StartServer(t, func(cfg *config.Config) { atOnce(cfg); a.data = cfg.Data })
	return a
}

// does wants an operation to be done.
func (a *administered) does(method, path, body string) {
	a.t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(a.data, "tandem.sock"))
	}}}
	req, _ := http.NewRequestWithContext(a.t.Context(), method, "http://tandem/api/v1"+path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode/100 != 2 {
		a.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
}

// over wants a watcher to be told that his subscription has ended, and why.
func over(t *testing.T, k *harness.Watcher, reason string) {
	t.Helper()
	for {
		m, err := k.Hears(2 * time.Second)
		if err != nil {
			t.Errorf("%s: nothing says that it is over", k.Event)
			return
		}
		if s := value(m, "Subscription-State"); strings.HasPrefix(s, "terminated") {
			if !strings.Contains(s, "reason="+reason) || len(m.Body()) > 0 {
				t.Errorf("%s, want %s\n%s", k.Event, reason, m.Bytes())
			}
			return
		}
	}
}

// Who is deleted or disabled watches nobody any more, by a list either.
func TestWhoIsShutOutStopsWatching(t *testing.T) {
	for _, how := range []struct{ method, body string }{{"DELETE", ""}, {"PATCH", `{"enabled":false}`}} {
		t.Run(how.method, func(t *testing.T) {
			r := administer(t)
			r.User("alice", "bob")
			a, b := r.Dial(t, "udp"), r.Dial(t, "tcp")
			one, _ := r.Watch(a, "alice", "bob", "presence")
			list, m := r.Subscribes(r.Dial(t, "tcp"), "alice", "alice", "presence",
				"Supported: eventlist\nRequire: recipient-list-subscribe\nContent-Type: application/resource-lists+xml",
				`<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="sip:bob@`+harness.Domain+`"/></list></resource-lists>`)
			wantCode(t, m, 200)
			list.Notified()
			other, _ := r.Watch(b, "bob", "bob", "presence")
			r.does(how.method, "/users/alice", how.body)
			over(t, one, "rejected")
			for end := time.Now().Add(harness.Patience); ; {
				m := list.Notified()
				if strings.HasPrefix(value(m, "Subscription-State"), "terminated;reason=rejected") {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("the list goes on\n%s", m.Bytes())
				}
			}
			wantCode(t, again(one, "Expires: 600"), 481)
			wantCode(t, publish(b, "bob", "", pidfOf("bob", "open", "busy")), 200)
			other.Until("<rpid:busy/>") // who is not shut out sees it
			if m, err := one.Hears(500 * time.Millisecond); err == nil {
				t.Errorf("who is shut out still sees\n%s", m.Bytes())
			}
		})
	}
}

// Nobody goes on watching a user who is deleted, whatever of him.
func TestDeletedUserIsWatchedNoMore(t *testing.T) {
	r := administer(t)
	r.User("alice", "bob")
	a, b := r.Dial(t, "udp"), r.Dial(t, "udp")
	var all []*harness.Watcher
	for _, pkg := range []string{"presence", "dialog"} {
		k, _ := r.Watch(a, "alice", "bob", pkg)
		all = append(all, k)
	}
	for _, pkg := range []string{"reg", "message-summary"} {
		k, _ := r.Watch(b, "bob", "bob", pkg)
		all = append(all, k)
	}
	r.does("DELETE", "/users/bob", "")
	for _, k := range all {
		over(t, k, "noresource")
		wantCode(t, again(k, "Expires: 600"), 481)
	}
}

// What a user has published does not outlive that he is disabled.
func TestDisabledUserIsOffline(t *testing.T) {
	r := administer(t)
	r.User("alice", "bob")
	a, b := r.Dial(t, "udp"), r.Dial(t, "udp")
	b.Register("bob")
	if err := r.S.Presence().SetManual(t.Context(), harness.BobURI, presence.Manual{Activity: "busy", Note: "here"}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, publish(b, "bob", "", pidfOf("bob", "open", "busy")), 200)
	wantCode(t, publish(r.Dial(t, "udp"), "bob", "", pidfOf("bob", "open", "busy")), 200)
	k, first := r.Watch(a, "alice", "bob", "presence")
	if !strings.Contains(string(first.Body()), "<rpid:busy/>") {
		t.Fatalf("%s", first.Body())
	}
	r.does("PATCH", "/users/bob", `{"enabled":false}`)
	for end := time.Now().Add(harness.Patience); ; {
		text := string(k.Notified().Body())
		if !strings.Contains(text, "open") && !strings.Contains(text, "busy") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("he is disabled, and shown as\n%s", text)
		}
	}
	r.does("PATCH", "/users/bob", `{"enabled":true}`)
	k.Until("here")
}

// A rule for a group counts for those who are in it now.
func TestWhoLeavesGroupStopsWatching(t *testing.T) {
	r := administer(t)
	r.User("alice", "bob")
	r.does("PATCH", "/users/alice", `{"groups":["managers"]}`)
	for _, x := range []consent.Rule{{Kind: consent.Group, Name: "managers", Action: consent.Allow}, {Kind: consent.Everyone, Action: consent.Block}} {
		if err := r.S.Consent().Set(t.Context(), harness.BobURI, x); err != nil {
			t.Fatal(err)
		}
	}
	k, _ := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence")
	r.does("PATCH", "/users/alice", `{"groups":[]}`)
	over(t, k, "rejected")
}

// A phone that knows only the password of before is told nothing more.
func TestChangedPasswordEndsSubscriptions(t *testing.T) {
	r := administer(t)
	r.User("alice", "bob")
	k, _ := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence")
	r.does("PATCH", "/users/alice", `{"password":"another password 17"}`)
	if s := value(k.Notified(), "Subscription-State"); !strings.HasPrefix(s, "terminated;reason=deactivated") {
		t.Errorf("Subscription-State: %s", s)
	}
	wantCode(t, again(k, "Expires: 600"), 481)
}

// Whoever changes a password or revokes a device, and be it not by an operation: who
// knows only that of before is told nothing more, and others go on.
func TestSecretChangedElsewhereEndsSubscriptions(t *testing.T) {
	r := administer(t)
	r.User("alice", "bob")
	ctx, d := t.Context(), r.S.Directory()
	watch := func(device string) *harness.Watcher {
		t.Helper()
		w := r.Dial(t, "udp")
		if device != "" {
			_, password, err := d.AddDevice(ctx, harness.AliceURI, device)
			if err != nil {
				t.Fatal(err)
			}
			w.Pass = password
		}
		k, _ := r.Watch(w, "alice", "bob", "presence")
		return k
	}
	own, hall, desk := watch(""), watch("hall"), watch("desk")
	if _, err := d.SetPassword(ctx, harness.AliceURI, "another password 17"); err != nil {
		t.Fatal(err)
	}
	ended := func(k *harness.Watcher) {
		t.Helper()
		if s := value(k.Notified(), "Subscription-State"); !strings.HasPrefix(s, "terminated;reason=deactivated") {
			t.Errorf("Subscription-State: %s", s)
		}
		wantCode(t, again(k, "Expires: 600"), 481)
	}
	ended(own)
	if err := d.RevokeDevice(ctx, harness.AliceURI, "hall"); err != nil {
		t.Fatal(err)
	}
	ended(hall)
	if err := d.SetDevice(ctx, harness.AliceURI, "other", "the password of another 17"); err != nil {
		t.Fatal(err)
	}
	if m, err := desk.Hears(300 * time.Millisecond); err == nil {
		t.Errorf("nothing of it is about this one\n%s", m.Bytes())
	}
	wantCode(t, again(desk, "Expires: 600"), 200)
	desk.Notified()
	if err := d.SetDevice(ctx, harness.AliceURI, "desk", "the new password of this 17"); err != nil {
		t.Fatal(err)
	}
	ended(desk)
}
