package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	icholy "github.com/icholy/digest"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/server"
	"tandem/rtc/policy/consent"
	"tandem/test/harness"
)

// xcapClient speaks HTTP with Digest, by code that is not ours.
type xcapClient struct {
	*harness.Client
	user string
}

func xcapOf(t *testing.T, s *server.Server, user, password string) *xcapClient {
	w := harness.HTTPSClient(t, s)
	w.Web.Transport = &icholy.Transport{Username: user, Password: password, Transport: w.Web.Transport}
	w.Base = strings.TrimSuffix(w.Base, "/api/v1") + "/xcap-root/"
	return &xcapClient{w, user}
}

// ask sends a request; more are header fields.
func (x *xcapClient) ask(method, path, kind, body string, more ...string) (code int, text string, h http.Header) {
	x.T.Helper()
	r, err := http.NewRequest(method, x.Base+path, strings.NewReader(body))
	if err != nil {
		x.T.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i < len(more); i += 2 {
		r.Header.Set(more[i], more[i+1])
	}
	resp, err := x.Web.Do(r)
	if err != nil {
		x.T.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), resp.Header
}

const (
	lists    = "application/resource-lists+xml"
	elements = "application/xcap-el+xml"
	attrs    = "application/xcap-att+xml"
)

// aliceAndBob is a server with these two users, and a client on its control socket.
func aliceAndBob(t *testing.T) (*server.Server, *harness.Client) {
	t.Helper()
	s := harness.Running(t, harness.Remotely)
	socket := harness.SocketClient(t, s)
	for _, u := range []string{"alice", "bob"} {
		if r := socket.Do("POST", "/users", fmt.Sprintf(`{"address":%q,"password":"password of %s"}`, u, u)); r.Code != 201 {
			t.Fatal(r.Text)
		}
	}
	return s, socket
}

// What becomes of contacts is told once, whether an operation or a client of XCAP
// has changed them.
func TestContactEvents(t *testing.T) {
	s, socket := aliceAndBob(t)
	reader := harness.HTTPSClient(t, s, "events:read", "contacts:read")
	x := xcapOf(t, s, "alice", "password of alice")
	const index = "resource-lists/users/sip:alice@example.com/index"
	if r := socket.Do("PUT", "/users/alice/contacts/bob", `{}`); r.Code != 200 {
		t.Fatal(r.Text)
	}
	put := func(entries string) {
		t.Helper()
		doc := `<?xml version="1.0" encoding="UTF-8"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="friends">` + entries + `</list></resource-lists>`
		if code, text, _ := x.ask("PUT", index, lists, doc); code != 200 {
			t.Fatalf("%d %s", code, text)
		}
	}
	put(`<entry uri="sip:anne@example.com"/>`)
	put(`<entry uri="sip:anne@example.com"/>`) // which changes none
	many := ""
	for i := range 150 {
		many += fmt.Sprintf(`<entry uri="sip:u%d@example.com"/>`, i)
	}
	put(`<entry uri="sip:anne@example.com"/>` + many)
	if r := socket.Do("DELETE", "/users/alice/contacts/"+url.PathEscape("sip:anne@example.com"), ""); r.Code != 200 {
		t.Fatal(r.Text)
	}
	var got []string
	_, data := events(reader, "/events?types=contact.*,contacts.*", "none", 6)
	for _, d := range data[1:] { // the first says that the server does not know "none"
		var e struct{ Type, Resource string }
		if err := json.Unmarshal([]byte(d), &e); err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Type+" "+e.Resource)
	}
	slices.Sort(got)
	const of = " users/sip:alice@example.com/contacts"
	want := []string{"contact.changed" + of + "/sip:anne@example.com", "contact.changed" + of + "/sip:bob@example.com",
		"contact.removed" + of + "/sip:anne@example.com", "contact.removed" + of + "/sip:bob@example.com", "contacts.imported" + of}
	if !slices.Equal(got, want) {
		t.Errorf("told\n%s", strings.Join(got, "\n"))
	}
}

// Users of a further domain log in as those of the first do, also where the names are
// the same.
func TestXCAPOfFurtherDomain(t *testing.T) {
	s := harness.Running(t, func(c *config.Config) {
		harness.Remotely(c)
		c.Domains = append(c.Domains, "example.org")
	})
	socket := harness.SocketClient(t, s)
	for _, u := range []string{"alice@example.com", "alice@example.org"} {
		if r := socket.Do("POST", "/users", fmt.Sprintf(`{"address":%q,"password":"password of %s"}`, u, u)); r.Code != 201 {
			t.Fatal(r.Text)
		}
	}
	for _, domain := range []string{"example.com", "example.org"} {
		x := xcapOf(t, s, "alice", "password of alice@"+domain)
		for _, other := range []string{"example.com", "example.org"} {
			got, text, _ := x.ask("PUT", "resource-lists/users/sip:alice@"+other+"/index", lists, `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"/>`)
			if (got == 201) != (other == domain) {
				t.Errorf("alice of %s puts a list of alice of %s: %d %s", domain, other, got, text)
			}
		}
	}
}

// The forms of request that clients use, against the whole server.
func TestXCAP(t *testing.T) {
	s, _ := aliceAndBob(t)
	x := xcapOf(t, s, "alice", "password of alice")
	const index = "resource-lists/users/sip:alice@example.com/index"
	doc := `<?xml version="1.0" encoding="UTF-8"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="friends"><entry uri="sip:bob@example.com"/></list></resource-lists>`
	node := func(path string) string { return index + "/~~/" + path }
	escaped := func(path string) string { return index + "/~~/" + strings.ReplaceAll(url.PathEscape(path), "%2F", "/") }
	friends := `resource-lists/list[@name="friends"]`
	anne := `<entry uri="sip:anne@example.com"><display-name>Anne &amp; Co</display-name></entry>`

	tag := ""
	for i, c := range []struct {
		method, path, kind, body string
		more                     []string
		code                     int
		want                     string
	}{
		{"GET", index, "", "", nil, 404, ""},
		{"PUT", escaped(friends + `/entry[1]`), elements, anne, nil, 409, "no-parent"},
		{"PUT", index, lists, doc, []string{"If-Match", `"x"`}, 412, ""},
		{"PUT", index, lists, doc, []string{"If-None-Match", "*"}, 201, ""},
		{"PUT", index, lists, doc, []string{"If-None-Match", "*"}, 412, ""},
		{"PUT", index, "text/xml", doc, nil, 415, ""},
		{"PUT", index, lists, doc[:100], nil, 409, "not-well-formed"},
		{"PUT", index, lists, strings.Replace(doc, `<entry`, `<entry uri="sip:bob@example.com"/><entry`, 1), nil, 409, `uniqueness-failure phrase="two of a list are the same"><exists field=`},
		{"PUT", index, lists, "<resource-lists/>", nil, 409, "schema-validation-error"},
		{"GET", index, "", "", nil, 200, doc},
		{"GET", index, "", "", []string{"If-None-Match", "TAG"}, 304, ""},
		{"GET", "resource-lists/users/alice/index", "", "", nil, 200, doc},
		{"GET", "resource-lists/users/alice%40example.com/index", "", "", nil, 200, doc},
		{"PUT", escaped(friends + `/entry[@uri="sip:anne@example.com"]`), elements, anne, nil, 201, ""},
		{"PUT", escaped(friends + `/entry[@uri="sip:anne@example.com"]`), elements, anne, nil, 200, ""},
		{"GET", escaped(friends + `/entry[@uri="sip:anne@example.com"]`), "", "", nil, 200, anne},
		{"GET", escaped(friends + `/entry[2]/display-name`), "", "", nil, 200, "<display-name>Anne &amp; Co</display-name>"},
		{"GET", node(`resource-lists/list%5b@name=%22friends%22%5d/entry%5B1%5D/@uri`), "", "", nil, 200, "sip:bob@example.com"},
		{"GET", node(`r:resource-lists/r:list/r:entry%5b2%5d/@uri?xmlns(r=urn:ietf:params:xml:ns:resource-lists)`), "", "", nil, 200, "sip:anne@example.com"},
		{"GET", node(`r:resource-lists?xmlns(r=urn:other)`), "", "", nil, 404, ""},
		{"GET", node(`resource-lists/[`), "", "", nil, 400, ""},
		{"PUT", escaped(friends + `/entry[@uri="sip:anne@example.com"]/@x`), attrs, "1", nil, 201, ""},
		{"PUT", escaped(friends + `/entry[2]`), elements, "<entry", nil, 409, "not-xml-frag"},
		{"PUT", escaped(friends + `/entry[7]`), elements, anne, nil, 409, "cannot-insert"},
		{"PUT", escaped(friends + `/entry[2]`), lists, anne, nil, 415, ""},
		{"DELETE", escaped(friends + `/entry[@uri="sip:anne@example.com"]`), "", "", []string{"If-Match", `"old"`}, 412, ""},
		{"DELETE", escaped(friends + `/entry[1]`), "", "", nil, 409, "cannot-delete"},
		{"DELETE", escaped(friends + `/entry[@uri="sip:anne@example.com"]`), "", "", []string{"If-Match", "TAG"}, 200, ""},
		{"DELETE", escaped(friends + `/entry[@uri="sip:anne@example.com"]`), "", "", nil, 404, ""},
		{"GET", "resource-lists/users/sip:bob@example.com/index", "", "", nil, 403, ""},
		{"PUT", "resource-lists/users/sip:bob@example.com/index", lists, doc, nil, 403, ""},
		{"GET", "resource-lists/users/sip:nobody@example.com/index", "", "", nil, 404, ""},
		{"GET", "other/users/sip:alice@example.com/index", "", "", nil, 404, ""},
		{"GET", "xcap-caps/global/index", "", "", nil, 200, "<auid>resource-lists</auid>"},
		{"PUT", "xcap-caps/global/index", "application/xcap-caps+xml", "<x/>", nil, 403, ""},
		{"POST", index, lists, doc, nil, 405, ""},
		{"DELETE", index, "", "", nil, 200, ""},
		{"GET", index, "", "", nil, 404, ""},
	} {
		for j := range c.more {
			if c.more[j] == "TAG" {
				_, _, h := x.ask("GET", index, "", "")
				c.more[j] = h.Get("ETag")
			}
		}
		code, text, h := x.ask(c.method, c.path, c.kind, c.body, c.more...)
		if code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%d: %s %s: %d %s, want %d %s", i, c.method, c.path, code, text, c.code, c.want)
		}
		if code == 409 && h.Get("Content-Type") != "application/xcap-error+xml" {
			t.Errorf("%d: the error is %s", i, h.Get("Content-Type"))
		}
		if code < 300 && c.method == "PUT" {
			if now := h.Get("ETag"); now == "" || now == tag {
				t.Errorf("%d: entity tag %q after %q", i, now, tag)
			}
			tag = h.Get("ETag")
		}
	}
	if code, _, _ := xcapOf(t, s, "alice", "wrong").ask("GET", index, "", ""); code != 401 {
		t.Errorf("a wrong password: %d", code)
	}
	token := harness.HTTPSClient(t, s, "contacts:write")
	token.Base = x.Base
	if r := token.Do("PUT", "resource-lists/users/bob/index", doc, "Content-Type", lists); r.Code != 201 {
		t.Errorf("with a token: %d %s", r.Code, r.Text)
	}
	other := harness.HTTPSClient(t, s, "users:read")
	other.Base = x.Base
	if r := other.Do("GET", "resource-lists/users/bob/index", ""); r.Code != 403 {
		t.Errorf("with a token for something else: %d", r.Code)
	}
}

// Rules set by XCAP count at once, and those set otherwise are seen by XCAP.
func TestRulesByXCAP(t *testing.T) {
	s, socket := aliceAndBob(t)
	x := xcapOf(t, s, "bob", "password of bob")
	const index, rules = "pres-rules/users/sip:bob@example.com/index", "application/auth-policy+xml"
	doc := func(action string) string {
		return `<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules"><rule id="mine"><conditions><identity><one id="sip:alice@example.com"/></identity></conditions><actions><pr:sub-handling>` + action + `</pr:sub-handling></actions></rule></ruleset>`
	}
	say := func(want int) {
		t.Helper()
		if r := socket.Do("POST", "/messages", `{"from":"alice","to":"bob","text":"x"}`); r.Code != want {
			t.Errorf("alice writes: %d %s, want %d", r.Code, r.Text, want)
		}
	}
	say(200)
	if code, text, _ := x.ask("PUT", index, rules, doc("block")); code != 201 {
		t.Fatalf("PUT: %d %s", code, text)
	}
	say(404)
	if code, text, _ := x.ask("GET", index, "", ""); code != 200 || text != doc("block") {
		t.Errorf("GET: %d %s", code, text)
	}
	if err := s.Consent().Set(t.Context(), "sip:bob@example.com", consent.Rule{Kind: consent.User, Name: "sip:alice@example.com", Action: consent.Allow}); err != nil {
		t.Fatal(err)
	}
	say(200)
	if code, text, _ := x.ask("GET", index, "", ""); code != 200 || !strings.Contains(text, "<pr:sub-handling>allow<") {
		t.Errorf("GET after a change elsewhere: %d %s", code, text)
	}
	if code, text, _ := x.ask("PUT", index, rules, doc("perhaps")); code != 409 || !strings.Contains(text, "schema-validation-error") {
		t.Errorf("PUT of nonsense: %d %s", code, text)
	}
	if code, text, _ := x.ask("PUT", index+"/~~/ruleset/rule%5b1%5d/actions/pr:sub-handling?xmlns(pr=urn:ietf:params:xml:ns:pres-rules)", elements, `<pr:sub-handling>block</pr:sub-handling>`); code != 200 {
		t.Errorf("PUT of a node: %d %s", code, text)
	}
	say(404)
	if code, _, _ := x.ask("DELETE", index, "", ""); code != 200 {
		t.Errorf("DELETE: %d", code)
	}
	say(200)
}
