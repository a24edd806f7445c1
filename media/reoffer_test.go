package media

import (
	"fmt"
	"strings"
	"testing"
)

// A call is converted. Whatever changes later, neither side is offered less than
// what it has: a hold by either, a session refresh, an offer without one before.
func TestReofferOfConvertedCall(t *testing.T) {
	for name, c := range map[string]struct {
		caller, callee string
		convert        string
	}{
		"PCMU and PCMA": {"m=audio $A RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\n", "m=audio $A RTP/AVP 8\n", "PCMA"},
		"opus and PCMU": {"m=audio $A RTP/AVP 111\na=rtpmap:111 opus/48000/2\na=fmtp:111 useinbandfec=1\n", "m=audio $A RTP/AVP 0\n", "PCMU"},
	} {
		for _, from := range []Which{A, B} {
			for _, change := range []string{"a=sendonly\n", "", "late"} {
				t.Run(fmt.Sprintf("%s, %s %q", name, from, change), func(t *testing.T) {
					s := start(t)
					ports := [2]*port{newPort(t), newPort(t)}
					lines := [2]string{c.caller, c.callee}
					describe := func(w Which, version int, more string) []byte {
						return text(strings.Replace(head, "x 1 1", fmt.Sprint(w, " 1 ", version), 1)+lines[w]+more, ports[w])
					}
					session, _ := open(t, s)
					if _, err := session.Offer(A, describe(A, 1, ""), Want{Codecs: []string{c.convert}}); err != nil {
						t.Fatal(err)
					}
					if _, err := session.Answer(B, describe(B, 1, ""), Want{}); err != nil {
						t.Fatal(err)
					}
					to := from.Other()
					if change == "late" {
						offer, err := session.MakeOffer(from, Want{})
						if err != nil {
							t.Fatal(err)
						}
						if err := session.TakeAnswer(from, describe(from, 2, "")); err != nil {
							t.Fatalf("%v; offered was\n%s", err, offer)
						}
						if offer, err = session.MakeOffer(to, Want{}); err != nil {
							t.Fatal(err)
						}
						if err := session.TakeAnswer(to, describe(to, 2, "")); err != nil {
							t.Fatalf("%v; offered was\n%s", err, offer)
						}
						return
					}
					version := 2
					if change == "" {
						version = 1 // some refresh with the same o=
					}
					offer, err := session.Offer(from, describe(from, version, change), Want{})
					if err != nil {
						t.Fatal(err)
					}
					if _, err := session.Answer(to, describe(to, 2, strings.Replace(change, "send", "recv", 1)), Want{}); err != nil {
						t.Fatalf("%v; offered was\n%s", err, offer)
					}
				})
			}
		}
	}
}
