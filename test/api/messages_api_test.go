package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/test/harness"
)

// What is sent, kept and decided by the API, by a client that knows only HTTP.
func TestMessagesAPI(t *testing.T) {
	s := harness.Running(t, func(c *config.Config) { c.Messages.Strangers = "hold" })
	w := harness.SocketClient(t, s)
	for _, u := range []string{"alice", "bob"} {
		if r := w.Do("POST", "/users", fmt.Sprintf(`{"address":%q}`, u)); r.Code != 201 {
			t.Fatal(r.Text)
		}
	}
	say := func(text string) harness.Reply {
		return w.Do("POST", "/messages", fmt.Sprintf(`{"from":"alice","to":"bob","text":%q}`, text))
	}
	if r := say("grüße"); r.Code != 200 || r.Body["status"] != "kept" {
		t.Fatalf("sent: %d %s", r.Code, r.Text)
	}
	for body, code := range map[string]int{`{"from":"nobody","to":"bob","text":"x"}`: 404, `{"from":"alice","to":"nobody","text":"x"}`: 404, `{"from":"alice","to":"bob","text":""}`: 422,
		fmt.Sprintf(`{"from":"alice","to":"bob","text":%q}`, strings.Repeat("x", 60001)): 413} {
		if r := w.Do("POST", "/messages", body); r.Code != code || code == 413 && !strings.Contains(r.Text, "At Most 60000 Octets") {
			t.Errorf("%.60s: %d %s, want %d", body, r.Code, r.Text, code)
		}
	}
	r := w.Do("GET", "/users/bob/messages", "")
	items, _ := r.Body["items"].([]any)
	if len(items) != 1 {
		t.Fatalf("queue: %s", r.Text)
	}
	item := items[0].(map[string]any)
	if item["from"] != "sip:alice@example.com" || item["held"] != true {
		t.Errorf("queue: %v", item)
	}
	if r := w.Do("GET", "/users/bob/messages/"+item["id"].(string), ""); r.Body["text"] != "grüße" || r.Body["type"] != "text/plain;charset=UTF-8" {
		t.Errorf("shown: %s", r.Text)
	}
	if r := w.Do("GET", "/users/bob/strangers", ""); !strings.Contains(r.Text, `"messages":1`) {
		t.Errorf("strangers: %s", r.Text)
	}
	if r := w.Do("PUT", "/users/bob/strangers/"+url.PathEscape("sip:alice@example.com"), `{"decision":"accept"}`); r.Code != 200 || r.Body["messages"] != 1.0 {
		t.Errorf("accepted: %d %s", r.Code, r.Text)
	}
	if r := w.Do("GET", "/users/bob/messages", ""); strings.Contains(r.Text, `"held":true`) || !strings.Contains(r.Text, `"*"`) {
		t.Errorf("then: %s", r.Text)
	}
	say("second")
	if r := w.Do("DELETE", "/users/bob/messages/"+item["id"].(string), ""); r.Code != 200 {
		t.Errorf("deleted: %s", r.Text)
	}
	if r := w.Do("DELETE", "/users/bob/messages/"+item["id"].(string), ""); r.Code != 404 {
		t.Errorf("deleted again: %d", r.Code)
	}
	if r := w.Do("PUT", "/users/bob/strangers/alice", `{"decision":"block"}`); r.Code != 200 {
		t.Errorf("blocked: %s", r.Text)
	}
	for _, text := range []string{"third", strings.Repeat("x", 60001)} { // of whom she may not write to she learns nothing
		to := func(name string) string {
			r := w.Do("POST", "/messages", fmt.Sprintf(`{"from":"alice","to":%q,"text":%q}`, name, text))
			return fmt.Sprint(r.Code, " ", strings.ReplaceAll(r.Text, name+"@", "X@"))
		}
		if blocker, nobody := to("bob"), to("nobody"); blocker != nobody || !strings.HasPrefix(blocker, "404 ") {
			t.Errorf("when blocked: %s\nto nobody: %s", blocker, nobody)
		}
	}
	audit := w.Do("GET", "/audit", "")
	if strings.Contains(audit.Text, "grüße") || !strings.Contains(audit.Text, "send-message") {
		t.Errorf("the record of changes: %s", audit.Text)
	}
}

// A program that acknowledges what it has read while it goes through the pages misses
// nothing.
func TestMessagesAreFetchedInPages(t *testing.T) {
	s := harness.Running(t, nil)
	w := harness.SocketClient(t, s)
	for _, u := range []string{"alice", "bob"} {
		w.Do("POST", "/users", fmt.Sprintf(`{"address":%q}`, u))
	}
	w.Do("PUT", "/users/bob/message-devices/tab", "")
	for i := range 7 {
		if r := w.Do("POST", "/messages", fmt.Sprintf(`{"from":"alice","to":"bob","text":"%d"}`, i)); r.Code != 200 {
			t.Fatal(r.Text)
		}
	}
	var texts []string
	for cursor, more := "", true; more; {
		r := w.Do("GET", "/users/bob/messages?device=tab&limit=2&cursor="+cursor, "")
		cursor, more = r.Body["next"].(string)
		for _, item := range r.Body["items"].([]any) {
			path := "/users/bob/messages/" + item.(map[string]any)["id"].(string)
			texts = append(texts, fmt.Sprint(w.Do("GET", path, "").Body["text"]))
			w.Do("DELETE", path+"?device=tab", "")
		}
	}
	if got := strings.Join(texts, " "); got != "0 1 2 3 4 5 6" {
		t.Errorf("read %q", got)
	}
}

// A contact list by the API: what is put is there, with its differences, and
// goes out and comes in as a file.
func TestContactsAPI(t *testing.T) {
	s := harness.Running(t, nil)
	w := harness.SocketClient(t, s)
	for _, u := range []string{"alice", "bob"} {
		if r := w.Do("POST", "/users", fmt.Sprintf(`{"address":%q}`, u)); r.Code != 201 {
			t.Fatal(r.Text)
		}
	}
	if r := w.Do("PUT", "/users/alice/contacts/bob", `{"name":"Bob","groups":["friends"],"numbers":["+49301234567"],"settings":{"ring":"loud"}}`); r.Code != 200 || r.Body["address"] != "sip:bob@example.com" || r.Body["consent"] != "granted" {
		t.Fatalf("put: %d %s", r.Code, r.Text)
	}
	since := w.Do("GET", "/users/alice/contact-changes", "").Body["version"].(string)
	if r := w.Do("PUT", "/users/alice/contacts/"+url.PathEscape("tel:+4930999"), `{"name":"Plumber"}`); r.Code != 200 || r.Body["consent"] != "unknown" {
		t.Errorf("put: %d %s", r.Code, r.Text)
	}
	if r := w.Do("GET", "/users/alice/contact-changes?since="+since, ""); r.Body["complete"] != true || !strings.Contains(r.Text, `[{"address":"tel:+4930999","kind":"added"}]`) {
		t.Errorf("differences: %s", r.Text)
	}
	if r := w.Do("GET", "/users/alice/contact-changes?since=9"+since, ""); r.Body["complete"] != false {
		t.Errorf("differences to what has never been: %s", r.Text)
	}
	vcf := w.Do("GET", "/users/alice/contacts/export?format=vcard", "")
	text, _ := vcf.Body["text"].(string)
	if !strings.Contains(text, "IMPP:sip:bob@example.com") || !strings.Contains(text, "CATEGORIES:friends") {
		t.Errorf("exported: %s", vcf.Text)
	}
	if r := w.Do("POST", "/users/bob/contacts/import", fmt.Sprintf(`{"format":"vcard","text":%q}`, text)); r.Code != 200 || r.Body["contacts"] != 2.0 {
		t.Errorf("imported: %s", r.Text)
	}
	if r := w.Do("GET", "/users/bob/contacts", ""); !strings.Contains(r.Text, "Plumber") {
		t.Errorf("bob's: %s", r.Text)
	}
	if r := w.Do("DELETE", "/users/alice/contacts/bob", ""); r.Code != 200 {
		t.Errorf("removed: %d %s", r.Code, r.Text)
	}
	if r := w.Do("DELETE", "/users/alice/contacts/bob", ""); r.Code != 404 {
		t.Errorf("removed again: %d %s", r.Code, r.Text)
	}
	if r := w.Do("PUT", "/users/alice/contacts/"+url.PathEscape("http://x"), `{}`); r.Code != 422 {
		t.Errorf("no address: %d %s", r.Code, r.Text)
	}
	// Another person who gets the name later does not find what was kept.
	if r := w.Do("POST", "/messages", `{"from":"alice","to":"bob","text":"for bob"}`); r.Code/100 != 2 {
		t.Errorf("message: %d %s", r.Code, r.Text)
	}
	w.Do("DELETE", "/users/bob", "")
	w.Do("POST", "/users", `{"address":"bob"}`)
	for _, path := range []string{"/users/bob/contacts", "/users/bob/messages"} {
		if r := w.Do("GET", path, ""); strings.Contains(r.Text, "Plumber") || strings.Contains(r.Text, "alice") {
			t.Errorf("%s of a new bob: %s", path, r.Text)
		}
	}
	if r := w.Do("POST", "/users/bob/contacts/import", `{"format":"csv","text":"a,b\n"}`); r.Code != 422 {
		t.Errorf("no columns: %d %s", r.Code, r.Text)
	}
}

// A rule about messages to a user holds however that user is named, and is explained as
// it is applied.
func TestPolicyOfMessagesAPI(t *testing.T) {
	s := harness.Running(t, nil)
	w := harness.SocketClient(t, s)
	for _, u := range []string{"alice", "bob", "carol"} {
		w.Do("POST", "/users", fmt.Sprintf(`{"address":%q}`, u))
	}
	code := func(to string) int {
		return w.Do("POST", "/messages", `{"from":"alice","to":"`+to+`","text":"x"}`).Code
	}
	explained := func(to string) any {
		return w.Do("GET", "/policy/explanation?user=alice&action=message&object="+to, "").Body["allowed"]
	}
	for _, c := range []struct {
		rule       string
		bob, carol int
	}{
		{`{"level":"user","name":"alice","action":"message","target":"any","allow":false}`, 404, 404},
		{`{"level":"user","name":"alice","action":"message","target":"bob","allow":true}`, 200, 404},
		{`{"level":"user","name":"alice","action":"message","target":"stranger","allow":true}`, 200, 200},
		{`{"level":"user","name":"alice","action":"message","target":"sip:carol@EXAMPLE.com","allow":false}`, 200, 404},
	} {
		if r := w.Do("PUT", "/policy/rules", c.rule); r.Code != 200 {
			t.Fatal(r.Text)
		}
		for to, want := range map[string]int{"bob": c.bob, "carol": c.carol} {
			if got := code(to); got != want || explained(to) != (want == 200) {
				t.Errorf("after %s: to %s: %d, explained %v, want %d", c.rule, to, got, explained(to), want)
			}
		}
	}
	for kind, want := range map[string]int{"text/html; charset=UTF-8": 200, "nonsense": 422, "text/plain\\r\\nX: y": 422} {
		if r := w.Do("POST", "/messages", `{"from":"alice","to":"bob","text":"x","type":"`+kind+`"}`); r.Code != want {
			t.Errorf("type %q: %d %s", kind, r.Code, r.Text)
		}
	}
}
