package server

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
)

// What is sent, kept and decided by the API, by a client that knows only HTTP.
func TestMessagesAPI(t *testing.T) {
	s := running(t, func(c *config.Config) { c.Messages.Strangers = "hold" })
	w := overSocket(t, s)
	for _, u := range []string{"alice", "bob"} {
		if r := w.do("POST", "/users", fmt.Sprintf(`{"address":%q}`, u)); r.code != 201 {
			t.Fatal(r.text)
		}
	}
	say := func(text string) reply {
		return w.do("POST", "/messages", fmt.Sprintf(`{"from":"alice","to":"bob","text":%q}`, text))
	}
	if r := say("grüße"); r.code != 200 || r.body["status"] != "kept" {
		t.Fatalf("sent: %d %s", r.code, r.text)
	}
	for body, code := range map[string]int{`{"from":"nobody","to":"bob","text":"x"}`: 404, `{"from":"alice","to":"nobody","text":"x"}`: 404, `{"from":"alice","to":"bob","text":""}`: 422,
		fmt.Sprintf(`{"from":"alice","to":"bob","text":%q}`, strings.Repeat("x", 60001)): 413} {
		if r := w.do("POST", "/messages", body); r.code != code || code == 413 && !strings.Contains(r.text, "At Most 60000 Octets") {
			t.Errorf("%.60s: %d %s, want %d", body, r.code, r.text, code)
		}
	}
	r := w.do("GET", "/users/bob/messages", "")
	items, _ := r.body["items"].([]any)
	if len(items) != 1 {
		t.Fatalf("queue: %s", r.text)
	}
	item := items[0].(map[string]any)
	if item["from"] != "sip:alice@example.com" || item["held"] != true {
		t.Errorf("queue: %v", item)
	}
	if r := w.do("GET", "/users/bob/messages/"+item["id"].(string), ""); r.body["text"] != "grüße" || r.body["type"] != "text/plain;charset=UTF-8" {
		t.Errorf("shown: %s", r.text)
	}
	if r := w.do("GET", "/users/bob/strangers", ""); !strings.Contains(r.text, `"messages":1`) {
		t.Errorf("strangers: %s", r.text)
	}
	if r := w.do("PUT", "/users/bob/strangers/"+url.PathEscape("sip:alice@example.com"), `{"decision":"accept"}`); r.code != 200 || r.body["messages"] != 1.0 {
		t.Errorf("accepted: %d %s", r.code, r.text)
	}
	if r := w.do("GET", "/users/bob/messages", ""); strings.Contains(r.text, `"held":true`) || !strings.Contains(r.text, `"*"`) {
		t.Errorf("then: %s", r.text)
	}
	say("second")
	if r := w.do("DELETE", "/users/bob/messages/"+item["id"].(string), ""); r.code != 200 {
		t.Errorf("deleted: %s", r.text)
	}
	if r := w.do("DELETE", "/users/bob/messages/"+item["id"].(string), ""); r.code != 404 {
		t.Errorf("deleted again: %d", r.code)
	}
	if r := w.do("PUT", "/users/bob/strangers/alice", `{"decision":"block"}`); r.code != 200 {
		t.Errorf("blocked: %s", r.text)
	}
	for _, text := range []string{"third", strings.Repeat("x", 60001)} { // of whom she may not write to she learns nothing
		to := func(name string) string {
			r := w.do("POST", "/messages", fmt.Sprintf(`{"from":"alice","to":%q,"text":%q}`, name, text))
			return fmt.Sprint(r.code, " ", strings.ReplaceAll(r.text, name+"@", "X@"))
		}
		if blocker, nobody := to("bob"), to("nobody"); blocker != nobody || !strings.HasPrefix(blocker, "404 ") {
			t.Errorf("when blocked: %s\nto nobody: %s", blocker, nobody)
		}
	}
	audit := w.do("GET", "/audit", "")
	if strings.Contains(audit.text, "grüße") || !strings.Contains(audit.text, "send-message") {
		t.Errorf("the record of changes: %s", audit.text)
	}
}

// A contact list by the API: what is put is there, with its differences, and
// goes out and comes in as a file.
func TestContactsAPI(t *testing.T) {
	s := running(t, nil)
	w := overSocket(t, s)
	for _, u := range []string{"alice", "bob"} {
		if r := w.do("POST", "/users", fmt.Sprintf(`{"address":%q}`, u)); r.code != 201 {
			t.Fatal(r.text)
		}
	}
	if r := w.do("PUT", "/users/alice/contacts/bob", `{"name":"Bob","groups":["friends"],"numbers":["+49301234567"],"settings":{"ring":"loud"}}`); r.code != 200 || r.body["address"] != "sip:bob@example.com" || r.body["consent"] != "granted" {
		t.Fatalf("put: %d %s", r.code, r.text)
	}
	since := w.do("GET", "/users/alice/contact-changes", "").body["version"].(string)
	if r := w.do("PUT", "/users/alice/contacts/"+url.PathEscape("tel:+4930999"), `{"name":"Plumber"}`); r.code != 200 || r.body["consent"] != "unknown" {
		t.Errorf("put: %d %s", r.code, r.text)
	}
	if r := w.do("GET", "/users/alice/contact-changes?since="+since, ""); r.body["complete"] != true || !strings.Contains(r.text, `[{"address":"tel:+4930999","kind":"added"}]`) {
		t.Errorf("differences: %s", r.text)
	}
	vcf := w.do("GET", "/users/alice/contacts/export?format=vcard", "")
	text, _ := vcf.body["text"].(string)
	if !strings.Contains(text, "IMPP:sip:bob@example.com") || !strings.Contains(text, "CATEGORIES:friends") {
		t.Errorf("exported: %s", vcf.text)
	}
	if r := w.do("POST", "/users/bob/contacts/import", fmt.Sprintf(`{"format":"vcard","text":%q}`, text)); r.code != 200 || r.body["contacts"] != 2.0 {
		t.Errorf("imported: %s", r.text)
	}
	if r := w.do("GET", "/users/bob/contacts", ""); !strings.Contains(r.text, "Plumber") {
		t.Errorf("bob's: %s", r.text)
	}
	if r := w.do("DELETE", "/users/alice/contacts/bob", ""); r.code != 200 {
		t.Errorf("removed: %d %s", r.code, r.text)
	}
	if r := w.do("DELETE", "/users/alice/contacts/bob", ""); r.code != 404 {
		t.Errorf("removed again: %d %s", r.code, r.text)
	}
	if r := w.do("PUT", "/users/alice/contacts/"+url.PathEscape("http://x"), `{}`); r.code != 422 {
		t.Errorf("no address: %d %s", r.code, r.text)
	}
	// Another person who gets the name later does not find what was kept.
	if r := w.do("POST", "/messages", `{"from":"alice","to":"bob","text":"for bob"}`); r.code/100 != 2 {
		t.Errorf("message: %d %s", r.code, r.text)
	}
	w.do("DELETE", "/users/bob", "")
	w.do("POST", "/users", `{"address":"bob"}`)
	for _, path := range []string{"/users/bob/contacts", "/users/bob/messages"} {
		if r := w.do("GET", path, ""); strings.Contains(r.text, "Plumber") || strings.Contains(r.text, "alice") {
			t.Errorf("%s of a new bob: %s", path, r.text)
		}
	}
	if r := w.do("POST", "/users/bob/contacts/import", `{"format":"csv","text":"a,b\n"}`); r.code != 422 {
		t.Errorf("no columns: %d %s", r.code, r.text)
	}
}
