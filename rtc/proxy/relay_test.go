package proxy

import (
	"fmt"
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/rtc/resolve"
)

// An ACK is never answered, so a stranger could use it to make us send to any address
// unnoticed. A Route that only names us does not allow that, with or without another
// Route behind it.
func TestStrangersACK(t *testing.T) {
	r := newRig(t, nil)
	mallory, victim := r.udpUA("mallory"), r.udpUA("victim")
	own := fmt.Sprintf("<sip:%s;lr>", r.udp)
	forged := fmt.Sprintf("<sip:%s;lr;did=AAAAAAAA>", r.udp)
	target := strings.Trim(victim.contact(), "<>")
	for _, route := range [][]string{{own}, {forged}, {own, "<" + target + ";lr>"}} {
		mallory.ask(req{method: "ACK", uri: target, toTag: "x", route: route})
	}
	victim.quiet(shortly)
	mallory.ask(req{method: "ACK", uri: target, toTag: "x", is: "mallory", route: []string{own}})
	victim.want("ACK") // whom we know may
}

// sized is a resolver that notes what it is asked about large requests.
type sized struct {
	*names
	asked chan int
}

func (s sized) Large(cands []resolve.Candidate, size int) []resolve.Candidate {
	s.asked <- size
	return s.names.Large(cands, size)
}

// The resolver orders the places of a large request: it knows whose TCP failed.
func TestLargeAsksResolver(t *testing.T) {
	asked := make(chan int, 4)
	r := newRig(t, func(c *Config) { c.Resolver = sized{c.Resolver.(*names), asked} })
	alice, bob := r.udpUA("alice"), r.udpUA("bob")
	alice.ask(req{method: "MESSAGE", uri: strings.Trim(bob.contact(), "<>"), is: "alice"})
	bob.want("MESSAGE")
	select {
	case size := <-asked:
		if size < 200 {
			t.Errorf("asked for %d octets", size)
		}
	default:
		t.Error("the resolver was not asked")
	}
}

// A To tag lets a request past the gate as one of a dialog. Toward a user's address
// without our mark it does not count as such: it would ring his phone with any From.
func TestToTagIsNoPass(t *testing.T) {
	r := newRig(t, func(c *Config) {
		c.Demand = func(*rtc.Request) *rtc.Status { return &rtc.Status{Code: 407} }
	})
	mallory, bob := r.udpUA("mallory"), r.udpUA("bob")
	r.book.user("bob", r.binding(bob, ""))
	mallory.ask(req{method: "INVITE", uri: "sip:bob@example.com", toTag: "made-up"})
	mallory.want(407)
	bob.quiet(shortly)
	mallory.ask(req{method: "INVITE", uri: "sip:bob@example.com", toTag: "made-up", is: "alice"})
	bob.want("INVITE") // who is known may
}
