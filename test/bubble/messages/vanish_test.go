package messages

import (
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/bubble"
)

// A phone on UDP that vanishes disappears for its watchers within the time that is stated,
// with what it published; it is there again when it answers. One that answers OPTIONS stays.
func TestVanishedPhoneDisappears(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		w.Stop()
		w.Cfg.Registrar.Qualify = time.Minute
		w.Open()
		alice, bob := w.Phone(), w.Phone()
		alice.Hop, bob.Hop = true, true
		// shown is the state that alice was told last.
		shown := ""
		pass := func(d time.Duration, until string) (took time.Duration) {
			begin := time.Now()
			for shown != until && time.Since(begin) < d {
				w.Pass(200*time.Millisecond, alice, bob)
				for i := range alice.Got {
					var m sip.Message
					if alice.Got[i].What != "NOTIFY" || m.Parse(alice.Got[i].Raw) != nil {
						continue
					}
					alice.Got[i].What = "read"
					alice.Send(sip.AppendResponse(nil, &m, sip.Response{Code: 200}))
					if shown = "closed"; strings.Contains(string(m.Body()), "open") {
						shown = "open"
					}
				}
			}
			return time.Since(begin)
		}
		bob.Register("bob", 3600)
		bob.Content("PUBLISH", "bob", "bob", `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@time.test"><tuple id="t"><status><basic>open</basic></status></tuple></presence>`,
			"Event: presence", "Expires: 3600", "Content-Type: application/pidf+xml")
		alice.Request("SUBSCRIBE", "alice", "bob", "Event: presence", "Expires: 3600", "Contact: <sip:alice@"+alice.Flow.Remote.String()+">")
		pass(10*time.Second, "open")
		if pass(5*time.Minute, "closed"); shown != "open" {
			t.Fatalf("bob answers, and alice is shown %q", shown)
		}
		bob.Hop = false
		// 73 s until it is found out, 5 s between two NOTIFYs.
		if took := pass(5*time.Minute, "closed"); shown != "closed" || took > 80*time.Second {
			t.Errorf("shown %s %s after bob vanished; bob heard %q", shown, took, bob.Heard())
		}
		bob.Hop = true
		if took := pass(5*time.Minute, "open"); shown != "open" || took > 70*time.Second {
			t.Errorf("shown %s %s after bob answers again", shown, took)
		}
	})
}
