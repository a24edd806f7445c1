package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tandem/rtc/proxy"
)

// A stranger reaches nobody through the server, whatever his request looks like:
// no user, no gateway, no place elsewhere. Each request but an ACK gets one final
// answer, and none that tells who is a user.
func TestStrangerReachesNobody(t *testing.T) {
	inTime(t, func(w *world) {
		bob, gateway, victim, stranger := w.phone(), w.phone(), w.phoneAt(3), w.phoneAt(2)
		bob.register("bob", 3600)
		routes, err := proxy.NewRoutes([]proxy.Route{
			{Name: "pstn", Match: proxy.Match{Prefix: "+"}, NextHop: proxy.Hops{"sip:" + gateway.flow.Remote.String()}},
			{Name: "branch", Match: proxy.Match{Domain: "branch.test"}, NextHop: proxy.Hops{"sip:" + gateway.flow.Remote.String()}},
		})
		if err != nil {
			w.t.Fatal(err)
		}
		w.s.proxy.SetRoutes(routes)
		bob.got = nil
		us := w.s.transport.Listeners()[0].Addr().String()
		targets := []string{
			"sip:bob@time.test", "sip:nobody@time.test", "sip:bob@" + us, "sip:+15550100@time.test", "sip:+15550100@" + us, "tel:+15550100",
			"sip:x@branch.test", "sip:" + gateway.flow.Remote.String(), "sip:+15550100@" + gateway.flow.Remote.String(),
			"sip:bob@" + bob.flow.Remote.String(), "sip:x@" + victim.flow.Remote.String(),
			"sip:x@" + us + ";maddr=" + victim.flow.Remote.Addr().String(), "sip:" + us + ";lr",
		}
		ways := [][]string{nil}
		for _, own := range []string{"<sip:" + us + ";lr>", "<sip:time.test;lr>", "<sip:" + us + ";lr;did=AAAAAAAA>",
			"<sip:" + us + ";lr;did=AAAAAAAAAAAA>", "<sip:ft.dQABAgMEBQYHCAkKCwwNDg8Q@" + us + ";lr>"} {
			ways = append(ways, []string{own}, []string{own, own}, []string{own, "<sip:" + victim.flow.Remote.String() + ";lr>"},
				[]string{own, "<sip:" + gateway.flow.Remote.String() + ";lr>"}, []string{own, "<sip:+15550100@" + gateway.flow.Remote.String() + ">"})
		}
		ways = append(ways, []string{"<sip:" + gateway.flow.Remote.String() + ";lr>"}, []string{"<sip:x@" + victim.flow.Remote.String() + ">"})
		n := 0
		told := make(map[string]string) // of bob, by what else is in the request
		for _, method := range []string{"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "MESSAGE", "REFER", "SUBSCRIBE", "NOTIFY",
			"PUBLISH", "INFO", "UPDATE", "PRACK", "REGISTER", "WHATEVER"} {
			for _, uri := range targets {
				for _, way := range ways {
					for _, tag := range []string{"", ";tag=made-up"} {
						n++
						lines := []string{method + " " + uri + " SIP/2.0",
							fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK%d", stranger.flow.Remote, n), "Max-Forwards: 70",
							fmt.Sprintf("From: <sip:bob@time.test>;tag=%d", n), "To: <sip:bob@time.test>" + tag,
							fmt.Sprintf("Call-ID: stranger-%d", n), "CSeq: 1 " + method,
							"Contact: <sip:x@" + stranger.flow.Remote.String() + ">"}
						for _, r := range way {
							lines = append(lines, "Route: "+r)
						}
						stranger.got = nil
						stranger.send([]byte(strings.Join(append(lines, "Content-Length: 0", "", ""), "\r\n")))
						for _, p := range []*phone{bob, gateway, victim} {
							if got := p.heard(); len(got) > 0 {
								w.t.Errorf("%s heard %q of\n%s", p.flow.Remote, got, strings.Join(lines, "\n"))
								p.got = nil
							}
						}
						answers := slices.Compact(stranger.heard())
						switch rest := fmt.Sprint(method, way, tag); uri {
						case "sip:bob@time.test":
							told[rest] = fmt.Sprint(answers)
						case "sip:nobody@time.test":
							if got := fmt.Sprint(answers); got != told[rest] {
								w.t.Errorf("he learns who is a user: %s, of bob %s, for\n%s", got, told[rest], strings.Join(lines, "\n"))
							}
						}
						if method == "ACK" && len(answers) == 0 || len(answers) == 1 && answers[0] >= "400" ||
							method == "OPTIONS" && slices.Equal(answers, []string{"200"}) {
							continue
						}
						w.t.Errorf("he is told %q for\n%s", answers, strings.Join(lines, "\n"))
					}
				}
			}
		}
		w.t.Logf("%d requests", n)
	})
}
