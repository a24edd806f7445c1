package messages

import (
	"strings"
	"testing"
	"time"

	"tandem/rtc/contacts"
	"tandem/rtc/sip"
	"tandem/test/bubble"
)

// told answers all NOTIFYs and returns their bodies.
func notified(w *bubble.World, p *bubble.Phone) (bodies []string) {
	time.Sleep(100 * time.Millisecond)
	p.Look()
	for i := range p.Got {
		var m sip.Message
		if p.Got[i].What == "NOTIFY" && m.Parse(p.Got[i].Raw) == nil {
			p.Got[i].What = "read"
			bodies = append(bodies, string(m.Body()))
			p.Send(sip.AppendResponse(nil, &m, sip.Response{Code: 200}))
		}
	}
	return bodies
}

// Clients of a user hear at once when another one changes the contact list: with
// the entity tags before and after, and with patches unless they want none. Who
// lists what he wants hears of nothing else.
func TestXCAPDiff(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		all, plain, other := w.Phone(), w.Phone(), w.Phone()
		subscribe := func(p *bubble.Phone, event string, wanted ...string) {
			registerDevice(p, "alice", "a"+p.Addr.String(), 3600)
			p.Got = nil
			body := ""
			if len(wanted) > 0 {
				body = `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="` + strings.Join(wanted, `"/><entry uri="`) + `"/></list></resource-lists>`
			}
			p.Content("SUBSCRIBE", "alice", "alice", body, "Event: xcap-diff"+event, "Accept: application/xcap-diff+xml", "Expires: 600",
				"Content-Type: application/resource-lists+xml", "Contact: <sip:alice@"+p.Flow.Remote.String()+">")
			if got := notified(w, p); len(got) != 1 || !strings.Contains(got[0], "xcap-root=") || strings.Contains(got[0], "<d:document") {
				t.Fatalf("at first %q, of %q", got, p.Heard())
			}
		}
		subscribe(all, "")
		subscribe(plain, ";diff-processing=no-patching", "resource-lists/users/sip:alice@time.test/")
		subscribe(other, ";diff-processing=aggregate", "pres-rules/users/sip:alice@time.test/index", "resource-lists/users/sip:bob@time.test/index")
		edit := func(set []contacts.Contact, remove []string) string {
			version, err := w.S.Contacts().Edit(w.T.Context(), aliceAOR, nil, set, remove)
			if err != nil {
				t.Fatal(err)
			}
			return strings.Trim(contacts.ETag(version), `"`)
		}
		expect := func(what string, p *bubble.Phone, want string) {
			t.Helper()
			got := notified(w, p)
			if want == "" && len(got) == 0 {
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], "/\">"+want+"</d:xcap-diff>") {
				t.Errorf("%s: %q, want %s", what, got, want)
			}
		}
		const sel = ` sel="resource-lists/users/sip:alice@time.test/index"`
		one := edit([]contacts.Contact{{Address: "sip:bob@time.test", Name: "Bob"}}, nil)
		expect("a new list", all, `<d:document new-etag="`+one+`"`+sel+`/>`)
		expect("a new list", plain, `<d:document new-etag="`+one+`"`+sel+`/>`)
		two := edit([]contacts.Contact{{Address: "sip:bob@time.test", Name: "Robert"}}, nil)
		expect("a name", all, `<d:document previous-etag="`+one+`" new-etag="`+two+`"`+sel+`><d:replace sel="*/*[1]/*[2]/*[1]" xmlns="urn:ietf:params:xml:ns:resource-lists"><display-name>Robert</display-name></d:replace></d:document>`)
		expect("a name", plain, `<d:document previous-etag="`+one+`" new-etag="`+two+`"`+sel+`/>`)
		three := edit(nil, []string{"sip:bob@time.test"})
		expect("one less", all, `<d:document previous-etag="`+two+`" new-etag="`+three+`"`+sel+`><d:remove sel="*/*[1]/*[2]"/></d:document>`)
		key := contacts.Key{User: aliceAOR, Usage: "resource-lists", Name: contacts.Index}
		if _, _, err := w.S.Contacts().Change(w.T.Context(), key, nil, func([]byte) ([]byte, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
		expect("no list", all, `<d:document previous-etag="`+three+`"`+sel+`/>`)
		expect("what is not asked for", other, "")
	})
}

// Who asks for single elements and attributes is told what they are, when they change
// and that they are gone, and nothing of the rest of the document.
func TestXCAPDiffOfNodes(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		p := w.Phone()
		registerDevice(p, "alice", "a", 3600)
		p.Got = nil
		const doc = "resource-lists/users/sip:alice@time.test/index/~~/"
		const name, uri = doc + `resource-lists/list/entry%5b@uri=%22sip:bob@time.test%22%5d/display-name`, doc + `*/list%5b1%5d/entry%5b1%5d/@uri`
		wanted := []string{name, uri, doc + "resource-lists/list%5b", doc + "resource-lists/namespace::*", "resource-lists/users/sip:bob@time.test/index/~~/resource-lists"}
		body := `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="` + strings.Join(wanted, `"/><entry uri="`) + `"/></list></resource-lists>`
		p.Content("SUBSCRIBE", "alice", "alice", body, "Event: xcap-diff", "Accept: application/xcap-diff+xml", "Expires: 600",
			"Content-Type: application/resource-lists+xml", "Contact: <sip:alice@"+p.Flow.Remote.String()+">")
		expect := func(what string, want ...string) {
			t.Helper()
			got := notified(w, p)
			if len(want) == 0 && len(got) == 0 {
				return
			}
			if len(got) != 1 || !strings.HasSuffix(got[0], `/">`+strings.Join(want, "")+"</d:xcap-diff>") {
				t.Errorf("%s:\n%q, want\n%q", what, got, strings.Join(want, ""))
			}
		}
		element := func(content string) string {
			return `<d:element sel="` + name + `" xmlns="urn:ietf:params:xml:ns:resource-lists">` + content + `</d:element>`
		}
		const gone = `<d:element sel="` + name + `" exists="false"/>`
		expect("at first, when there is nothing", "")
		edit := func(set []contacts.Contact, remove ...string) {
			if _, err := w.S.Contacts().Edit(w.T.Context(), aliceAOR, nil, set, remove); err != nil {
				t.Fatal(err)
			}
		}
		edit([]contacts.Contact{{Address: "sip:bob@time.test", Name: "Bob > Co"}})
		expect("a new one", `<d:attribute sel="`+uri+`">sip:bob@time.test</d:attribute>`, element("<display-name>Bob &gt; Co</display-name>"))
		edit([]contacts.Contact{{Address: "sip:anne@time.test", Name: "Anne"}})
		expect("something else")
		edit([]contacts.Contact{{Address: "sip:bob@time.test", Name: "Robert"}})
		expect("a name", element("<display-name>Robert</display-name>"))
		long := `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="sip:bob@time.test"><display-name>` + strings.Repeat("x", 33<<10) + `</display-name></entry><entry uri="sip:anne@time.test"/></list></resource-lists>`
		key := contacts.Key{User: aliceAOR, Usage: "resource-lists", Name: contacts.Index}
		if _, _, err := w.S.Contacts().Change(w.T.Context(), key, nil, func([]byte) ([]byte, error) { return []byte(long), nil }); err != nil {
			t.Fatal(err)
		}
		list := w.S.Contacts().Versions(aliceAOR)
		expect("one that is too long", `<d:document new-etag="`+strings.Trim(contacts.ETag(list[0].Version), `"`)+`" sel="resource-lists/users/sip:alice@time.test/index"/>`)
		edit(nil, "sip:bob@time.test")
		if got := notified(w, p); len(got) != 1 || !strings.Contains(got[0], gone) || !strings.Contains(got[0], `<d:attribute sel="`+uri+`">sip:anne@time.test</d:attribute>`) {
			t.Errorf("when it is gone: %q", got)
		}
	})
}
