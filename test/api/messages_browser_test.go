package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/server"
	"tandem/test/harness"
)

// browser is a client in a browser: it has a token of its user, and HTTP.
type browser struct {
	*harness.Client
	user, tab string
	lines     *bufio.Scanner // of the stream of events
}

// openBrowser logs a user in, names itself, and follows what happens.
func openBrowser(t *testing.T, s *server.Server, user, tab string) *browser {
	t.Helper()
	b := &browser{harness.HTTPSClient(t, s), user, tab, nil}
	r := harness.SocketClient(t, s).Do("POST", "/tokens", fmt.Sprintf(`{"name":%q,"user":%q,"scopes":["messages:write","contacts:write","events:read"]}`, user+tab, user))
	if b.Token, _ = r.Body["token"].(string); b.Token == "" {
		t.Fatal(r.Text)
	}
	if r := b.Do("PUT", "/users/"+user+"/message-devices/"+tab, ""); r.Code != 200 {
		t.Fatalf("naming itself: %d %s", r.Code, r.Text)
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	resp := streamOf(ctx, b.Client, "/events", "")
	b.lines = bufio.NewScanner(resp.Body)
	t.Cleanup(func() {
		stop()
		_ = resp.Body.Close()
	})
	return b
}

// hears waits for an event, and returns what it is about; others pass.
func (b *browser) hears(kind string) (resource string) {
	b.T.Helper()
	for b.lines.Scan() {
		data, ok := strings.CutPrefix(b.lines.Text(), "data: ")
		var e struct{ Type, Resource string }
		if !ok || json.Unmarshal([]byte(data), &e) != nil {
			continue
		}
		if !strings.HasPrefix(e.Resource, "users/sip:"+b.user+"@") && !strings.HasPrefix(e.Resource, "tokens/") {
			b.T.Errorf("%s is told of %s %s", b.user, e.Type, e.Resource)
		}
		if e.Type == "message.deleted" {
			b.T.Errorf("%s is told that %s is deleted, which has only been taken", b.user, e.Resource)
		}
		if e.Type == kind {
			return e.Resource
		}
	}
	b.T.Fatalf("%s does not hear of %s: %v", b.user, kind, b.lines.Err())
	return ""
}

// says sends a text.
func (b *browser) says(to, text string, code int) {
	b.T.Helper()
	if r := b.Do("POST", "/messages", fmt.Sprintf(`{"from":%q,"to":%q,"text":%q,"device":%q}`, b.user, to, text, b.tab)); r.Code != code {
		b.T.Errorf("%s writes %q to %s: %d %s, want %d", b.user, text, to, r.Code, r.Text, code)
	}
}

// queue is what waits for it.
func (b *browser) queue() (ids, texts []string) {
	b.T.Helper()
	r := b.Do("GET", "/users/"+b.user+"/messages?device="+b.tab, "")
	items, _ := r.Body["items"].([]any)
	for _, item := range items {
		id := item.(map[string]any)["id"].(string)
		m := b.Do("GET", "/users/"+b.user+"/messages/"+id, "")
		text, _ := m.Body["text"].(string)
		ids, texts = append(ids, id), append(texts, text)
	}
	return ids, texts
}

// expect waits until these texts wait for it.
func (b *browser) expect(want ...string) (ids []string) {
	b.T.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		ids, texts := b.queue()
		if strings.Join(texts, "|") == strings.Join(want, "|") {
			return ids
		}
		if time.Now().After(end) {
			b.T.Fatalf("%s at %s has %q waiting, want %q", b.user, b.tab, texts, want)
		}
	}
}

// takes acknowledges a message.
func (b *browser) takes(id string, code int) {
	b.T.Helper()
	if r := b.Do("DELETE", "/users/"+b.user+"/messages/"+id+"?device="+b.tab, ""); r.Code != code {
		b.T.Errorf("%s at %s takes %s: %d %s, want %d", b.user, b.tab, id, r.Code, r.Text, code)
	}
}

// Two people in browsers, who have nothing but the API: one adds the other to his
// contacts and writes as a stranger; the other hears of it, looks, accepts, and reads;
// both write on, at several tabs, and see that the other is typing.
func TestMessagesInBrowsers(t *testing.T) {
	s := harness.Running(t, func(c *config.Config) { c.Messages.Strangers = "hold"; harness.Remotely(c) })
	for _, u := range []string{"alice", "bob", "carol"} {
		if r := harness.SocketClient(t, s).Do("POST", "/users", fmt.Sprintf(`{"address":%q}`, u)); r.Code != 201 {
			t.Fatal(r.Text)
		}
	}
	alice, bob, second := openBrowser(t, s, "alice", "tab-1"), openBrowser(t, s, "bob", "tab-1"), openBrowser(t, s, "bob", "tab-2")

	if r := alice.Do("PUT", "/users/alice/contacts/bob", `{"name":"Bob"}`); r.Code != 200 || r.Body["consent"] == "" {
		t.Fatalf("a contact: %d %s", r.Code, r.Text)
	}
	alice.hears("contact.changed")
	alice.says("bob", "may I?", 200)
	bob.hears("message.held")
	bob.expect()
	if r := bob.Do("GET", "/users/bob/strangers", ""); !strings.Contains(r.Text, "sip:alice@example.com") {
		t.Fatalf("strangers: %s", r.Text)
	}
	if r := bob.Do("PUT", "/users/bob/strangers/"+url.PathEscape("sip:alice@example.com"), `{"decision":"accept"}`); r.Code != 200 || r.Body["messages"] != 1.0 {
		t.Fatalf("accepting: %d %s", r.Code, r.Text)
	}
	second.hears("stranger.decided")

	id := bob.expect("may I?")[0]
	bob.takes(id, 200)
	bob.takes(id, 404)
	bob.expect()
	if got := second.expect("may I?"); got[0] != id {
		t.Errorf("the other tab has %s, want %s", got[0], id)
	}
	if resource := second.hears("message.delivered"); !strings.HasSuffix(resource, "/messages/"+id) {
		t.Errorf("told of %s", resource)
	}
	second.takes(id, 200)

	if r := bob.Do("PUT", "/users/bob/contacts/alice", `{}`); r.Code != 200 {
		t.Errorf("a contact: %d %s", r.Code, r.Text)
	}
	bob.says("alice", "of course", 200)
	if resource := alice.hears("message.kept"); !strings.HasSuffix(resource, "/messages/"+alice.expect("of course")[0]) {
		t.Errorf("told of %s", resource)
	}
	second.expect("of course") // what its user wrote elsewhere
	bob.expect()
	alice.takes(alice.expect("of course")[0], 200)

	if r := alice.Do("POST", "/messages", `{"from":"alice","to":"bob","type":"application/im-iscomposing+xml","text":"<isComposing/>","device":"tab-1"}`); r.Code != 200 {
		t.Errorf("typing: %d %s", r.Code, r.Text)
	}
	bob.hears("message.typing")
	for _, text := range []string{"1", "2", "3"} {
		alice.says("bob", text, 200)
	}
	ids := bob.expect("1", "2", "3")
	bob.takes(ids[0], 200)
	bob.expect("2", "3")

	if r := alice.Do("GET", "/users/bob/messages?device=tab-1", ""); r.Code != 403 {
		t.Errorf("alice reads bob's: %d", r.Code)
	}
	if r := alice.Do("POST", "/messages", `{"from":"carol","to":"bob","text":"x"}`); r.Code != 403 {
		t.Errorf("alice writes as carol: %d", r.Code)
	}
	if r := bob.Do("DELETE", "/users/bob/message-devices/tab-2", ""); r.Code != 200 {
		t.Errorf("a tab that is closed: %d %s", r.Code, r.Text)
	}
	for _, id := range bob.expect("2", "3") {
		bob.takes(id, 200)
	}
	if r := bob.Do("GET", "/users/bob/messages", ""); strings.Contains(r.Text, `"id"`) {
		t.Errorf("when the last tab has all, there wait %s", r.Text)
	}
	if r := bob.Do("PUT", "/users/bob/strangers/alice", `{"decision":"block"}`); r.Code != 200 {
		t.Errorf("blocking: %d %s", r.Code, r.Text)
	}
	alice.says("bob", "why?", 404)
}
