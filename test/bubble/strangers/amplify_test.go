package strangers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/test/bubble"
)

// What one datagram with a forged source makes the server send there, within
// the time in which anything is repeated: some octets more than it had, once.
func TestForgedSourceIsNoAmplifier(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		victim := w.PhoneAt(2)
		bob := w.Phone()
		bob.Register("bob", 3600)
		worst := 0.0
		for i, r := range []struct{ method, uri, more string }{
			{"INVITE", "sip:bob@time.test", ""}, {"INVITE", "sip:nobody@time.test", ""}, {"INVITE", "sip:x@192.0.2.9", ""},
			{"INVITE", "sip:bob@time.test", "Max-Forwards: 0"}, {"INVITE", "sip:bob@time.test", "Proxy-Require: " + strings.Repeat("a,", 20)},
			{"INVITE", "sip:bob@time.test", "Require: a"}, {"INVITE", "http://x", ""}, {"INVITE", "tel:+1", ""}, {"INVITE", "sip:bob@time.test", "Max-Breadth: x"},
			{"INVITE", "sip:bob@time.test", "Route: <x"}, {"INVITE", "sip:bob@time.test", "Route: <sip:192.0.2.9;lr>"},
			{"INVITE", "sip:bob@time.test", "Proxy-Authorization: Digest x"}, {"INVITE", "sip:bob@time.test", `Proxy-Authorization: Digest realm="time.test",username="bob",nonce="x",uri="x",response="00000000000000000000000000000000"`},
			{"INVITE", "sip:bob@time.test", "Authorization: Basic x"}, {"INVITE", "sip:bob@time.test", "Contact: <x"},
			{"MESSAGE", "sip:bob@time.test", ""}, {"SUBSCRIBE", "sip:bob@time.test", ""}, {"REGISTER", "sip:time.test", ""}, {"OPTIONS", "sip:time.test", ""},
			{"OPTIONS", "sip:bob@time.test", ""}, {"BYE", "sip:bob@time.test", ""}, {"CANCEL", "sip:bob@time.test", ""}, {"ACK", "sip:bob@time.test", ""}, {"FOO", "sip:bob@time.test", ""}, {"INVITE", "sip:bob@time.test", "CSeq: x"},
		} {
			for _, tag := range []string{"", ";tag=b"} {
				cseq := fmt.Sprintf("CSeq: 1 %s\r\n", r.method)
				if strings.HasPrefix(r.more, "CSeq") {
					cseq = ""
				}
				if r.more != "" {
					cseq += r.more + "\r\n"
				}
				b := []byte(fmt.Sprintf("%s %s SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK%d%d;rport\r\nf:<sip:a@time.test>;tag=a\r\nt:<sip:bob@time.test>%s\r\ni:%d-%d\r\n%s\r\n",
					r.method, r.uri, i, len(tag), tag, i, len(tag), cseq))
				victim.Got = nil
				victim.Send(b)
				if st := w.S.Layer().Stats(); st.Server+st.Client > 0 {
					t.Errorf("%s %s %s: held is %+v", r.method, r.uri, r.more, st)
				}
				time.Sleep(time.Minute)
				n, all := 0, victim.Heard()
				for _, g := range victim.Got {
					n += len(g.Raw)
				}
				factor := float64(n) / float64(len(b))
				t.Logf("%-10s %-30s %-25.25s %-7s %d octets, back %d in %q: %.1f", r.method, r.uri, r.more, tag, len(b), n, all, factor)
				if worst = max(worst, factor); len(all) > 1 {
					t.Errorf("%s %s %s is answered %d times", r.method, r.uri, r.more, len(all))
				}
			}
		}
		if worst > 4 {
			t.Errorf("the worst factor is %.1f", worst)
		}
	})
}
