package messages

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"tandem/rtc/policy/consent"
	"tandem/rtc/sip"
	"tandem/test/bubble"
)

// Who asked to watch, and gave up before the owner had decided, waits: a restart does not
// have the owner learn nothing of him, and his decision ends it.
func TestRFC3857Section471WaitingSurvivesARestart(t *testing.T) { waits(t, "presence") }

// The same holds for who wants to watch a lamp.
func TestRFC3857Section471WaitingForALamp(t *testing.T) { waits(t, "dialog") }

func waits(t *testing.T, pkg string) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		consents(w, bobAOR, aliceAOR, consent.Confirm)
		subscribe := func(p *bubble.Phone, from, event, expires string) {
			p.Request("SUBSCRIBE", from, "bob", "Event: "+event, "Expires: "+expires, "Contact: <sip:"+from+"@"+p.Flow.Remote.String()+">")
		}
		status := regexp.MustCompile(`status="(\w+)" event="(\w+)">sip:alice@`)
		// told is what bob has heard of alice in each NOTIFY so far; those of alice are
		// answered as well.
		var told []string
		pass := func(d time.Duration) {
			for begin := time.Now(); time.Since(begin) < d; w.Pass(200*time.Millisecond, alice, bob) {
				for _, p := range []*bubble.Phone{alice, bob} {
					for i := range p.Got {
						var m sip.Message
						if p.Got[i].What != "NOTIFY" || m.Parse(p.Got[i].Raw) != nil {
							continue
						}
						p.Got[i].What = "read"
						p.Send(sip.AppendResponse(nil, &m, sip.Response{Code: 200}))
						if s := status.FindSubmatch(m.Body()); p == bob && s != nil {
							told = append(told, string(s[1])+" "+string(s[2]))
						}
					}
				}
			}
		}
		subscribe(alice, "alice", pkg, "60")
		pass(90 * time.Second)
		w.Stop()
		w.Open()
		alice.Attach()
		bob.Attach()
		subscribe(bob, "bob", pkg+".winfo", "3600")
		pass(10 * time.Second)
		consents(w, bobAOR, aliceAOR, consent.Allow)
		pass(10 * time.Second)
		if want := []string{"waiting timeout", "terminated approved"}; !slices.Equal(told, want) {
			t.Errorf("bob is told %q, want %q", told, want)
		}
	})
}
