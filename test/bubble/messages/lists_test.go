package messages

import (
	"strings"
	"testing"
	"time"

	"tandem/rtc/contacts"
	"tandem/rtc/contacts/xcap"
	"tandem/rtc/sip"
	"tandem/test/bubble"
)

const friends = `<rls-services xmlns="urn:ietf:params:xml:ns:rls-services" xmlns:rl="urn:ietf:params:xml:ns:resource-lists"><service uri="sip:friends@time.test"><list><rl:entry uri="sip:bob@time.test"/></list><packages><package>presence</package></packages></service></rls-services>`

// A user's contacts, and the lists of the user's rls-services, are subscribed to
// as one; who comes and goes is told.
func TestRFC4662KeptLists(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice := w.Phone()
		registerDevice(alice, "alice", "a", 3600)
		told := func() (bodies string) {
			for range 5 {
				time.Sleep(100 * time.Millisecond)
				alice.Look()
				for i := range alice.Got {
					var m sip.Message
					if alice.Got[i].What == "NOTIFY" && m.Parse(alice.Got[i].Raw) == nil {
						alice.Got[i].What = "read"
						bodies += string(m.Body())
						alice.Send(sip.AppendResponse(nil, &m, sip.Response{Code: 200}))
					}
				}
			}
			return bodies
		}
		edit := func(set []contacts.Contact, remove ...string) {
			if _, err := w.S.Contacts().Edit(w.T.Context(), aliceAOR, nil, set, remove); err != nil {
				t.Fatal(err)
			}
		}
		subscribe := func(to string) {
			alice.Request("SUBSCRIBE", "alice", to, "Event: presence", "Supported: eventlist", "Accept: application/pidf+xml, application/rlmi+xml, multipart/related", "Expires: 600", "Contact: <sip:alice@"+alice.Flow.Remote.String()+">")
		}
		has := func(when, text string, want ...string) {
			t.Helper()
			for _, x := range want {
				x, not := strings.CutPrefix(x, "no ")
				if strings.Contains(text, x) == not {
					t.Errorf("%s: %q is there: %t\n%s", when, x, not, text)
				}
			}
		}
		edit([]contacts.Contact{{Address: "sip:bob@time.test", Name: "Bob Builder"}})
		subscribe("contacts")
		has("at first", told(), `fullState="true"`, `uri="sip:bob@time.test"`, "<name>Bob Builder</name>", `entity="sip:bob@time.test"`, `state="active"`)
		edit([]contacts.Contact{{Address: "sip:alice@time.test"}})
		has("with one more", told(), `fullState="true"`, `uri="sip:bob@time.test"`, `entity="sip:alice@time.test"`)
		edit(nil, "sip:bob@time.test")
		has("with one less", told(), `fullState="true"`, `uri="sip:alice@time.test"`, "no sip:bob@")

		subscribe("friends")
		has("without the list", told(), "no rlmi")
		change := func(text string) {
			if _, _, err := w.S.Contacts().Change(w.T.Context(), contacts.Key{User: aliceAOR, Usage: xcap.Services.ID, Name: contacts.Index}, nil, func([]byte) ([]byte, error) {
				if text == "" {
					return nil, nil
				}
				return []byte(text), nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		change(friends)
		told()
		subscribe("friends")
		has("the list", told(), `uri="sip:friends@time.test"`, `entity="sip:bob@time.test"`)
		before := w.S.Events().Active()
		change("")
		told()
		if now := w.S.Events().Active(); now != before-1 {
			t.Errorf("%d subscriptions, before the list ended %d", now, before)
		}
	})
}
