package server

import (
	"strings"
	"testing"
	"time"

	"tandem/rtc/contacts"
	"tandem/rtc/sip"
)

// A client of a user hears at once when another one changes the contact list.
func TestXCAPDiff(t *testing.T) {
	inTime(t, func(w *world) {
		alice := w.phone()
		alice.device("alice", "a", 3600)
		alice.got = nil
		alice.request("SUBSCRIBE", "alice", "alice", "Event: xcap-diff", "Accept: application/xcap-diff+xml", "Expires: 600", "Contact: <sip:alice@"+alice.flow.Remote.String()+">")
		told := func() (bodies []string) {
			time.Sleep(100 * time.Millisecond)
			alice.look()
			for i := range alice.got {
				var m sip.Message
				if alice.got[i].what == "NOTIFY" && m.Parse(alice.got[i].raw) == nil {
					alice.got[i].what = "read"
					bodies = append(bodies, string(m.Body()))
					alice.send(sip.AppendResponse(nil, &m, sip.Response{Code: 200}))
				}
			}
			return bodies
		}
		if got := told(); len(got) != 1 || !strings.Contains(got[0], "xcap-root=") || strings.Contains(got[0], "<document") {
			t.Fatalf("at first %q, of %q", got, alice.heard())
		}
		version, err := w.s.contacts.Edit(w.t.Context(), aliceAOR, nil, []contacts.Contact{{Address: "sip:bob@time.test"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := `<document new-etag="` + strings.Trim(contacts.ETag(version), `"`) + `" sel="resource-lists/users/sip:alice@time.test/index"/>`
		if got := told(); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("after a change %q, want %s", got, want)
		}
	})
}
