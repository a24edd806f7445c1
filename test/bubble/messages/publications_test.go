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
		publish := func(p *bubble.Phone, note string, lines ...string) (tag string) {
			t.Helper()
			body := ""
			if note != "" {
				lines = append(lines, "Content-Type: application/pidf+xml")
				body = `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@time.test"><tuple id="t"><status><basic>open</basic></status><note>` + note + `</note></tuple></presence>`
			}
			p.Content("PUBLISH", "bob", "bob", body, append(lines, "Event: presence")...)
			p.Look()
			var m sip.Message
			if err := m.Parse(p.Got[len(p.Got)-1].Raw); err != nil || m.StatusCode() != 200 {
				t.Fatalf("PUBLISH: %v\n%s", err, p.Got[len(p.Got)-1].Raw)
			}
			return string(m.Get(sip.HdrSIPETag))
		}
		// told are the notes in each NOTIFY that came in a time, and when.
		told := func(d time.Duration) (all []string) {
			for begin := time.Now(); time.Since(begin) < d; w.Pass(100*time.Millisecond, alice) {
				for i := range alice.Got {
					var m sip.Message
					if alice.Got[i].What != "NOTIFY" || m.Parse(alice.Got[i].Raw) != nil {
						continue
					}
					alice.Got[i].What = "read"
					alice.Send(sip.AppendResponse(nil, &m, sip.Response{Code: 200}))
					says := "nothing"
					for _, note := range []string{"desk", "mobile"} {
						if strings.Contains(string(m.Body()), note) {
							says = strings.TrimPrefix(says+" "+note, "nothing ")
						}
					}
					all = append(all, fmt.Sprint(says, " after ", time.Since(begin).Truncate(10*time.Second)))
				}
			}
			return all
		}
		want := func(got []string, want string) {
			t.Helper()
			if strings.Join(got, ", ") != want {
				t.Errorf("told %q, want %q", got, want)
			}
		}
		alice.Request("SUBSCRIBE", "alice", "bob", "Event: presence", "Expires: 3600", "Contact: <sip:alice@"+alice.Flow.Remote.String()+">")
		want(told(10*time.Second), "nothing after 0s")
		publish(desk, "desk", "Expires: 60")
		tag := publish(mobile, "mobile", "Expires: 100")
		want(told(50*time.Second), "desk after 0s, desk mobile after 0s")
		publish(mobile, "", "Expires: 300", "SIP-If-Match: "+tag)
		want(told(50*time.Second), "mobile after 10s")
		want(told(290*time.Second), "nothing after 4m10s")
	})
}
