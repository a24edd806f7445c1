package events

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tandem/rtc/contacts"
	"tandem/test/harness"
)

// local speaks to the API over the server's socket, by code that is not ours.
type local struct {
	t      *testing.T
	client http.Client
}

func overUnix(t *testing.T, dir string) *local {
	path := filepath.Join(dir, "data", "tandem.sock")
	return &local{t, http.Client{Timeout: 2 * harness.Patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}}
}

// do asks for an operation; code 0: nobody answers.
func (l *local) do(method, path, body string) (code int, out map[string]any) {
	r, err := http.NewRequest(method, "http://server/api/v1"+path, strings.NewReader(body))
	if err != nil {
		l.t.Error(err)
		return 0, nil
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(r)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	if json.NewDecoder(resp.Body).Decode(&out) != nil {
		return 0, nil
	}
	return resp.StatusCode, out
}

// events are the names of the first events of a stream that goes on after another, and
// the ID of the last of them.
func (l *local) events(after string, n int) (id string, names []string) {
	l.t.Helper()
	r, err := http.NewRequest("GET", "http://server/api/v1/events?types=contact.*,contacts.*", nil)
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("Last-Event-ID", after)
	resp, err := l.client.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		switch key, value, _ := strings.Cut(lines.Text(), ": "); {
		case key == "id":
			id = value
		case key == "event":
			if names = append(names, value); len(names) == n && id != "" {
				return id, names
			}
		}
	}
	l.t.Fatalf("the stream of events ends after %q", names)
	return "", nil
}

// version of the contact list of u1, and the changes since another.
func (l *local) version(since string) (version string, complete bool, changes []any) {
	l.t.Helper()
	path := "/users/u1/contact-changes"
	if since != "" {
		path += "?since=" + since
	}
	code, out := l.do("GET", path, "")
	if code != 200 {
		l.t.Fatalf("%s: %d %v", path, code, out)
	}
	complete, _ = out["complete"].(bool)
	changes, _ = out["changes"].([]any)
	return out["version"].(string), complete, changes
}

// A server that is killed between a change of a contact list and the news of it has
// told nobody. After the restart every subscriber of xcap-diff is told the entity tag
// that holds, a follower of events is told that some were missed, and what was changed
// can be asked for.
func TestKilledServerTellsChangedContacts(t *testing.T) {
	t.Parallel() // it waits for programs
	p, dir := harness.StartProcess(t, "")
	l := overUnix(t, dir)
	if code, out := l.do("PUT", "/users/u1/contacts/u2", `{"name":"0"}`); code != 200 {
		t.Fatalf("%d %v", code, out)
	}
	r := &harness.Rig{T: t}
	asked := netip.MustParseAddrPort(p.Sip)
	w := harness.DialUDP(t, asked)
	w.Register("u1")
	k, first := r.Watch(w, "u1", "u1", "xcap-diff", "Accept: application/xcap-diff+xml")
	told := func(version string) string {
		n, err := strconv.ParseInt(version, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return "new-etag=" + contacts.ETag(n)
	}
	was, _, _ := l.version("")
	if !strings.Contains(string(first.Body()), told(was)) {
		t.Fatalf("at first, when %s holds:\n%s", was, first.Body())
	}
	for round := range 3 {
		if code, out := l.do("PUT", "/users/u1/contacts/u2", fmt.Sprintf(`{"name":"round %d"}`, round)); code != 200 {
			t.Fatalf("%d %v", code, out)
		}
		was, _, _ = l.version("")
		k.Until(told(was))
		id, _ := l.events("0", 2) // the first says that it does not know "0"
		var writers sync.WaitGroup
		acked := make(chan string, 10000)
		for n := range 4 { // they write until the server is gone
			writers.Go(func() {
				for i := range cap(acked) / 4 {
					name := fmt.Sprintf("sip:w%d.%d.%d@elsewhere.test", round, n, i)
					if code, _ := l.do("PUT", "/users/u1/contacts/"+name, `{}`); code != 200 {
						return
					}
					acked <- name
				}
			})
		}
		for range 20 {
			<-acked
		}
		p.Signal(syscall.SIGKILL)
		p.Wait(harness.Patience)
		writers.Wait()
		close(acked)
		p.Start()
		now, complete, changes := l.version(was)
		if now == was {
			t.Fatal("nothing was changed")
		}
		all := fmt.Sprint(changes)
		for name := range acked {
			if !strings.Contains(all, name) {
				t.Errorf("%s was acknowledged, and is not among what was changed since", name)
			}
		}
		k.Until(told(now))
		if code, out := l.do("PUT", "/users/u1/contacts/u3", fmt.Sprintf(`{"name":"after %d"}`, round)); code != 200 {
			t.Fatalf("%d %v", code, out)
		}
		if _, names := l.events(id, 2); names[0] != "missed" || !complete {
			t.Errorf("the first events after a restart are %q; all changes can be asked for: %v", names, complete)
		}
		t.Logf("round %d: %d contacts changed, told of version %s", round, len(changes), now)
	}
}
