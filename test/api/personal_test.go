package api

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"tandem/test/harness"
)

// A token of one user is for that user's affairs: contacts by API and XCAP,
// messages and events, and for nobody else's. It ends with the user.
func TestTokenOfOneUser(t *testing.T) {
	s := harness.Running(t, harness.Remotely)
	socket := harness.SocketClient(t, s)
	for _, u := range []string{"alice", "bob"} {
		if r := socket.Do("POST", "/users", fmt.Sprintf(`{"address":%q}`, u)); r.Code != 201 {
			t.Fatal(r.Text)
		}
	}
	if r := socket.Do("POST", "/tokens", `{"name":"x","user":"alice","scopes":["users:write"]}`); r.Code != 422 {
		t.Errorf("a token of one user to change users: %d %s", r.Code, r.Text)
	}
	if r := socket.Do("POST", "/tokens", `{"name":"x","user":"nobody","scopes":["events:read"]}`); r.Code != 404 {
		t.Errorf("a token of nobody: %d %s", r.Code, r.Text)
	}
	if r := socket.Do("POST", "/groups", `{"name":"sales","members":["alice"]}`); r.Code != 201 {
		t.Fatal(r.Text)
	}
	r := socket.Do("POST", "/tokens", `{"name":"browser","user":"alice","scopes":["contacts:write","messages:write","presence:write","events:read"]}`)
	if r.Code != 201 || r.Body["user"] != "sip:alice@example.com" {
		t.Fatal(r.Text)
	}
	alice := harness.HTTPSClient(t, s)
	alice.Token = r.Body["token"].(string)
	stream := follow(t, alice)
	const list = `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"/>`
	api, documents := alice.Base, strings.TrimSuffix(alice.Base, "/api/v1")+"/xcap-root/resource-lists/users/"
	for _, c := range []struct {
		base, method, path, body string
		code                     int
	}{
		{api, "PUT", "/users/alice/contacts/bob", `{}`, 200},
		{api, "PUT", "/users/bob/contacts/alice", `{}`, 403},
		{api, "GET", "/users/sip:alice@example.com/contacts", "", 200},
		{api, "GET", "/users/bob/contacts", "", 403},
		{api, "GET", "/users/nobody/contacts", "", 403},
		{api, "GET", "/users/bob/messages", "", 403},
		{api, "PUT", "/users/alice/message-devices/tab-1", "", 200},
		{api, "PUT", "/users/bob/message-devices/tab-1", "", 403},
		{api, "GET", "/presence/alice/rules", "", 200},
		{api, "GET", "/presence/bob/rules", "", 403},
		{api, "GET", "/presence/sales/rules", "", 403},
		{api, "POST", "/messages", `{"from":"bob","to":"alice","text":"x"}`, 403},
		{api, "POST", "/messages", `{"from":"alice","to":"bob","text":"x","device":"tab-1"}`, 200},
		{api, "GET", "/users", "", 403},
		{api, "GET", "/users/alice", "", 403},
		{api, "GET", "/tokens", "", 403},
		{documents, "PUT", "alice/index", list, 200},
		{documents, "GET", "bob/index", "", 403},
		{documents, "PUT", "bob/index", list, 403},
	} {
		alice.Base = c.base
		var header []string
		if c.base == documents && c.method == "PUT" {
			header = []string{"Content-Type", lists}
		}
		if r := alice.Do(c.method, c.path, c.body, header...); r.Code != c.code {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, r.Code, r.Text, c.code)
		}
	}
	if r := socket.Do("POST", "/messages", `{"from":"alice","to":"bob","text":"not for her eyes"}`); r.Code != 200 {
		t.Fatal(r.Text)
	}
	if r := socket.Do("POST", "/messages", `{"from":"bob","to":"alice","text":"hello"}`); r.Code != 200 {
		t.Fatal(r.Text)
	}
	for { // what is told of alice's messages, and not a word of bob's
		line := stream()
		if strings.Contains(line, "users/sip:bob") {
			t.Fatalf("she hears of bob: %s", line)
		}
		if strings.Contains(line, `"message.kept"`) && strings.Contains(line, "users/sip:alice@example.com/messages/") && strings.Contains(line, `"from":"sip:bob@example.com"`) {
			break
		}
	}
	alice.Base = api
	r = alice.Do("GET", "/users/alice/messages?device=tab-1", "")
	items, _ := r.Body["items"].([]any)
	if len(items) != 2 { // a copy of what was sent elsewhere, and bob's
		t.Fatalf("it gets %s", r.Text)
	}
	for _, item := range items {
		id := item.(map[string]any)["id"].(string)
		if r := alice.Do("DELETE", "/users/alice/messages/"+id+"?device=tab-1", ""); r.Code != 200 {
			t.Errorf("taken: %d %s", r.Code, r.Text)
		}
	}
	if r := alice.Do("GET", "/users/alice/messages?device=tab-1", ""); !strings.Contains(r.Text, `"items":[]`) {
		t.Errorf("then: %s", r.Text)
	}
	socket.Do("DELETE", "/users/alice", "")
	socket.Do("POST", "/users", `{"address":"alice"}`)
	if r := alice.Do("GET", "/users/alice/contacts", ""); r.Code != 401 {
		t.Errorf("when another person has her name: %d %s", r.Code, r.Text)
	}
}

// follow reads the events of a caller, one line with data at a time.
func follow(t *testing.T, w *harness.Client) func() string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", w.Base+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.Token)
	resp, err := w.Web.Do(r)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("events: %v %v", resp, err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	return func() string {
		t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data
			}
		}
		t.Fatalf("the events end: %v", lines.Err())
		return ""
	}
}

// Two clients change one document at the same time. With entity tags one of two
// changes is made and the other told 412; without, changes of nodes are both made;
// a change that the other one has made impossible is told 409.
func TestTwoXCAPClients(t *testing.T) {
	s := harness.Running(t, harness.Remotely)
	if r := harness.SocketClient(t, s).Do("POST", "/users", `{"address":"alice","password":"password of alice"}`); r.Code != 201 {
		t.Fatal(r.Text)
	}
	clients := []*xcapClient{xcapOf(t, s, "alice", "password of alice"), xcapOf(t, s, "alice", "password of alice")}
	const index = "resource-lists/users/sip:alice@example.com/index"
	const doc = `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="friends"></list></resource-lists>`
	entry := func(uri string) string {
		return index + "/~~/resource-lists/list%5B@name=%22friends%22%5D/entry%5B@uri=%22" + uri + "%22%5D"
	}
	if code, text, _ := clients[0].ask("PUT", index, lists, doc); code != 201 {
		t.Fatal(code, text)
	}
	both := func(f func(i int, x *xcapClient) int) (codes [2]int) {
		var all sync.WaitGroup
		for i, x := range clients {
			all.Go(func() { codes[i] = f(i, x) })
		}
		all.Wait()
		return codes
	}
	for round := range 10 {
		_, _, h := clients[0].ask("GET", index, "", "")
		uri := func(i int) string { return fmt.Sprintf("sip:%d-%d@example.com", round, i) }
		codes := both(func(i int, x *xcapClient) int {
			code, _, _ := x.ask("PUT", entry(uri(i)), elements, `<entry uri="`+uri(i)+`"/>`, "If-Match", h.Get("ETag"))
			return code
		})
		if codes != [2]int{201, 412} && codes != [2]int{412, 201} {
			t.Fatalf("with one entity tag: %v", codes)
		}
		codes = both(func(i int, x *xcapClient) int {
			code, _, _ := x.ask("PUT", entry("n"+uri(i)), elements, `<entry uri="n`+uri(i)+`"/>`)
			return code
		})
		if codes != [2]int{201, 201} {
			t.Fatalf("without: %v", codes)
		}
		// One takes the list away that the other one writes into.
		codes = both(func(i int, x *xcapClient) int {
			if i == 0 {
				code, _, _ := x.ask("DELETE", index+"/~~/resource-lists/list%5B@name=%22friends%22%5D", "", "")
				return code
			}
			code, text, _ := x.ask("PUT", entry("late"), elements, `<entry uri="late"/>`)
			if code == 409 && !strings.Contains(text, "<no-parent><ancestor>resource-lists</ancestor></no-parent>") {
				t.Errorf("told %s", text)
			}
			return code
		})
		if codes != [2]int{200, 201} && codes != [2]int{200, 409} {
			t.Fatalf("into a list that goes away: %v", codes)
		}
		if code, _, _ := clients[0].ask("PUT", index, lists, doc); code != 200 {
			t.Fatal(code)
		}
		if code, text, _ := clients[1].ask("PUT", entry("x")[:len(index)]+"/~~/resource-lists/list%5B@name=%22none%22%5D/entry%5B1%5D", elements, `<entry uri="x"/>`); code != 409 || !strings.Contains(text, "no-parent") {
			t.Fatalf("into a list that is not there: %d %s", code, text)
		}
	}
}
