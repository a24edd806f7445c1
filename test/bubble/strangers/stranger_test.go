package strangers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tandem/rtc/proxy"
	"tandem/test/bubble"
)

// A stranger reaches nobody through the server, whatever his request looks like:
// no user, no gateway, no place elsewhere. Each request but an ACK gets one final
// answer, and none that tells who is a user. He says he is bob, or somebody of
// another domain, who may call bob where that is allowed, and nobody else.
func TestStrangerReachesNobody(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		t.Run(fmt.Sprint("foreign callers allowed ", foreign), func(t *testing.T) {
			bubble.Run(t, func(w *bubble.World) {
				x := newStranger(w, foreign)
				for _, method := range []string{"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "MESSAGE", "REFER", "SUBSCRIBE",
					"NOTIFY", "PUBLISH", "INFO", "UPDATE", "PRACK", "REGISTER", "WHATEVER"} {
					for _, uri := range x.targets() {
						for _, way := range x.ways() {
							x.try(method, uri, way, "")
							x.try(method, uri, way, ";tag=made-up")
						}
					}
				}
				t.Logf("%d requests, %d of them to bob", x.n, x.rung)
				if foreign != (x.rung > 0) {
					t.Errorf("bob heard %d", x.rung)
				}
			})
		})
	}
}

// stranger sends requests of all kinds.
type stranger struct {
	w                              *bubble.World
	bob, gateway, trunk, third, me *bubble.Phone
	foreign                        bool
	n, rung                        int
	told                           map[string]string // of bob, by what else is in the request
}

func newStranger(w *bubble.World, foreign bool) *stranger {
	gateway := w.Phone()
	hop := proxy.Hops{"sip:" + gateway.Addr.String()}
	w.Cfg.Routes = []proxy.Route{{Name: "branch", Match: proxy.Match{Domain: "branch.test"}, NextHop: hop}}
	w.Cfg.Auth.AllowForeign = foreign
	w.Stop()
	w.Open()
	gateway.Attach()
	trunk := w.PhoneAt(4)
	w.Trunk("site", trunk)
	x := &stranger{w: w, bob: w.Phone(), gateway: gateway, trunk: trunk, third: w.PhoneAt(3), me: w.PhoneAt(2), foreign: foreign, told: make(map[string]string)}
	x.bob.Register("bob", 3600)
	x.bob.Got = nil
	return x
}

func (x *stranger) us() string { return x.w.Cfg.Listen[0].Addr }

func (x *stranger) targets() []string {
	return []string{
		"sip:bob@time.test", "sip:nobody@time.test", "sip:bob@" + x.us(), "sip:+15550100@time.test", "sip:+15550100@" + x.us(), "tel:+15550100",
		"sip:x@branch.test", "sip:" + x.gateway.Addr.String(), "sip:+15550100@" + x.gateway.Addr.String(), "sip:+15550100@" + x.trunk.Addr.String(),
		"sip:bob@" + x.bob.Addr.String(), "sip:x@" + x.third.Addr.String(),
		"sip:x@" + x.us() + ";maddr=" + x.third.Addr.Addr().String(), "sip:" + x.us() + ";lr",
	}
}

// ways are Routes: none, ours, ours with what he made up, and on to others.
func (x *stranger) ways() [][]string {
	elsewhere, gateway, trunk := "<sip:"+x.third.Addr.String()+";lr>", "<sip:"+x.gateway.Addr.String()+";lr>", "<sip:"+x.trunk.Addr.String()+";lr>"
	all := [][]string{nil, {elsewhere}, {gateway}, {trunk}}
	for _, own := range []string{"<sip:" + x.us() + ";lr>", "<sip:time.test;lr>", "<sip:" + x.us() + ";lr;did=AAAAAAAA>",
		"<sip:" + x.us() + ";lr;did=AAAAAAAAAAAA>", "<sip:ft.dQABAgMEBQYHCAkKCwwNDg8Q@" + x.us() + ";lr>"} {
		all = append(all, []string{own}, []string{own, own}, []string{own, elsewhere}, []string{own, gateway}, []string{own, trunk},
			[]string{own, "<sip:+15550100@" + x.gateway.Addr.String() + ">"})
	}
	return all
}

// try sends one and looks at who hears of it.
func (x *stranger) try(method, uri string, way []string, tag string) {
	x.n++
	from := "sip:bob@time.test"
	if x.foreign {
		from = "sip:x@foreign.test"
	}
	lines := []string{method + " " + uri + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK%d", x.me.Addr, x.n), "Max-Forwards: 70",
		fmt.Sprintf("From: <%s>;tag=%d", from, x.n), "To: <sip:bob@time.test>" + tag,
		fmt.Sprintf("Call-ID: stranger-%d", x.n), "CSeq: 1 " + method, "Contact: <sip:x@" + x.me.Addr.String() + ">"}
	for _, r := range way {
		lines = append(lines, "Route: "+r)
	}
	x.me.Send([]byte(strings.Join(append(lines, "Content-Length: 0", "", ""), "\r\n")))
	answers := slices.Compact(x.me.Heard())
	rings := len(x.bob.Heard()) == 1 && x.foreign && tag == ""
	if rings {
		x.rung++
		if method == "MESSAGE" { // the next one would wait for it
			x.bob.Answer("MESSAGE", 200)
			x.me.Look()
		}
		x.bob.Got = nil
	}
	for _, p := range []*bubble.Phone{x.bob, x.gateway, x.trunk, x.third} {
		if got := p.Heard(); len(got) > 0 {
			x.w.T.Errorf("%s heard %q of\n%s", p.Addr, got, strings.Join(lines, "\n"))
		}
		p.Got = nil
	}
	x.me.Got = nil
	if !rings && !x.right(method, uri, fmt.Sprint(method, way, tag), answers) {
		x.w.T.Errorf("he is told %q for\n%s", answers, strings.Join(lines, "\n"))
	}
}

// right is one refusal, the same for bob as for nobody. An OPTIONS may be for the
// server itself.
func (x *stranger) right(method, uri, rest string, answers []string) bool {
	switch uri {
	case "sip:bob@time.test":
		x.told[rest] = fmt.Sprint(answers)
	case "sip:nobody@time.test":
		if of, ok := x.told[rest]; ok && of != fmt.Sprint(answers) {
			return false
		}
	}
	return method == "ACK" && len(answers) == 0 || len(answers) == 1 && answers[0] >= "400" ||
		method == "OPTIONS" && slices.Equal(answers, []string{"200"})
}
