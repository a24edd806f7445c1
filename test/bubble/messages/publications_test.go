package messages

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/bubble"
)

// Of two publications one expires, as its device has vanished; the other one stays until
// its time is over as well. A refresh without body is told to nobody.
func TestRFC3903Section4PublicationExpires(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, desk, mobile := w.Phone(), w.Phone(), w.Phone()
		alice.Request("SUBSCRIBE", "alice", "bob", "Event: presence", "Expires: 3600", "Contact: <sip:alice@"+alice.Flow.Remote.String()+">")
		wantTold(alice, 10*time.Second, "nothing after 0s")
		publishes(desk, "desk", "Expires: 60")
		tag := publishes(mobile, "mobile", "Expires: 100")
		wantTold(alice, 50*time.Second, "desk after 0s, desk mobile after 0s")
		publishes(mobile, "", "Expires: 300", "SIP-If-Match: "+tag)
		wantTold(alice, 50*time.Second, "mobile after 10s")
		wantTold(alice, 290*time.Second, "nothing after 4m10s")
	})
}

// A restart does not make a publication longer than was granted, by its PUBLISH or by
// the last refresh, and its entity tag goes on counting.
func TestRFC3903Section42RestartKeepsTheEnd(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, desk, mobile := w.Phone(), w.Phone(), w.Phone()
		alice.Request("SUBSCRIBE", "alice", "bob", "Event: presence", "Expires: 3600", "Contact: <sip:alice@"+alice.Flow.Remote.String()+">")
		publishes(desk, "desk", "Expires: 100")
		tag := publishes(mobile, "mobile", "Expires: 600")
		wantTold(alice, 10*time.Second, "nothing after 0s, desk mobile after 0s")
		tag = publishes(mobile, "", "Expires: 200", "SIP-If-Match: "+tag)
		w.Stop()
		w.Open()
		for _, p := range []*bubble.Phone{alice, desk, mobile} {
			p.Attach()
		}
		wantTold(alice, 80*time.Second, "desk mobile after 0s")
		wantTold(alice, 60*time.Second, "mobile after 10s")
		tag = publishes(mobile, "", "Expires: 200", "SIP-If-Match: "+tag)
		wantTold(alice, 180*time.Second, "")
		publishes(mobile, "", "Expires: 60", "SIP-If-Match: "+tag)
		wantTold(alice, 80*time.Second, "nothing after 1m0s")
	})
}

// publishes has a phone publish a note, "" for a refresh.
func publishes(p *bubble.Phone, note string, lines ...string) (tag string) {
	p.W.T.Helper()
	body := ""
	if note != "" {
		lines = append(lines, "Content-Type: application/pidf+xml")
		body = `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@time.test"><tuple id="t"><status><basic>open</basic></status><note>` + note + `</note></tuple></presence>`
	}
	p.Content("PUBLISH", "bob", "bob", body, append(lines, "Event: presence")...)
	p.Look()
	var m sip.Message
	if err := m.Parse(p.Got[len(p.Got)-1].Raw); err != nil || m.StatusCode() != 200 {
		p.W.T.Fatalf("PUBLISH: %v\n%s", err, p.Got[len(p.Got)-1].Raw)
	}
	return string(m.Get(sip.HdrSIPETag))
}

// wantTold wants the notes in the NOTIFYs that come in a time to be these, told after so
// many ten seconds.
func wantTold(p *bubble.Phone, d time.Duration, want string) {
	p.W.T.Helper()
	var all []string
	for begin := time.Now(); time.Since(begin) < d; p.W.Pass(100*time.Millisecond, p) {
		for i := range p.Got {
			var m sip.Message
			if p.Got[i].What != "NOTIFY" || m.Parse(p.Got[i].Raw) != nil {
				continue
			}
			p.Got[i].What = "read"
			p.Send(sip.AppendResponse(nil, &m, sip.Response{Code: 200}))
			says := "nothing"
			for _, note := range []string{"desk", "mobile"} {
				if strings.Contains(string(m.Body()), note) {
					says = strings.TrimPrefix(says+" "+note, "nothing ")
				}
			}
			all = append(all, fmt.Sprint(says, " after ", time.Since(begin).Truncate(10*time.Second)))
		}
	}
	if got := strings.Join(all, ", "); got != want {
		p.W.T.Errorf("told %q, want %q", got, want)
	}
}
