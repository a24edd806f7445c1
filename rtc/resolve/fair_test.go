package resolve

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// dead has a server of a test never answer what is asked of the zone dead.test.
func dead(s *server) {
	s.on(func(_ dns.ResponseWriter, q *dns.Msg) bool {
		return strings.HasSuffix(q.Question[0].Name, ".dead.test.")
	})
}

// pester has a user ask for n names of the dead zone.
func pester(t *testing.T, r *Resolver, n int) {
	for i := range n {
		r.Lookup(uri(t, fmt.Sprintf("sip:x@h%d.dead.test", i)), func([]Candidate, error) {})
	}
}

// Whoever asks for names whose servers are dead delays no one.
func TestDeadZoneDelaysNobody(t *testing.T) {
	s := serve(t, `host.test. 60 IN A 192.0.2.1`)
	dead(s)
	r := running(t, Config{Servers: []string{s.addr}, NoIPv6: true, Timeout: 2 * time.Second})
	pester(t, r, 200)
	if got, err := look(t, r, "sip:x@host.test:5060"); err != nil || text(got) != "UDP 192.0.2.1:5060" {
		t.Errorf("got %s, %v", text(got), err)
	}
}

// However many there are, names known already are answered.
func TestKnownNamesWaitForNobody(t *testing.T) {
	s := serve(t, `_sip._udp.trunk.test. 60 IN SRV 0 0 5070 host.test.`, `host.test. 60 IN A 192.0.2.1`)
	dead(s)
	c := newClock()
	r := running(t, Config{Servers: []string{s.addr}, NoIPv6: true, Workers: 2, Now: c.now, Timeout: 2 * time.Second})
	for i := range 2 {
		got, err := look(t, r, "sip:x@trunk.test")
		if err != nil || text(got) != "UDP 192.0.2.1:5070" {
			t.Fatalf("got %s, %v", text(got), err)
		}
		if i == 0 {
			pester(t, r, 100)
		}
	}
	c.advance(61 * time.Second)
	late := make(chan answer, 1)
	r.Lookup(uri(t, "sip:x@trunk.test"), func(c []Candidate, err error) { late <- answer{c, err} })
	select {
	case a := <-late:
		t.Errorf("what the cache has forgotten was answered: %s, %v", text(a.cands), a.err)
	case <-time.After(50 * time.Millisecond):
	}
}
