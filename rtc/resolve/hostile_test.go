package resolve

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A zone may be as hostile as it likes: the look-up ends, soon, with a bounded
// number of queries and candidates.

func TestHostileManyRecords(t *testing.T) {
	s := serve(t)
	big := new(dns.Msg)
	for i := range 3900 { // as many as one message of 64 KiB holds
		big.Answer = append(big.Answer, &dns.A{
			Hdr: dns.RR_Header{Name: "many.test.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
			A:   net.IPv4(10, 0, byte(i>>8), byte(i))})
	}
	s.on(func(w dns.ResponseWriter, q *dns.Msg) bool {
		m := *big
		m.SetReply(q)
		m.Compress = true
		if _, udp := w.LocalAddr().(*net.UDPAddr); udp {
			m.Answer, m.Truncated = nil, true
		}
		if err := w.WriteMsg(&m); err != nil {
			t.Error(err)
		}
		return true
	})
	r := running(t, Config{Servers: []string{s.addr}, NoIPv6: true})
	got, err := look(t, r, "sip:x@many.test:5060")
	if err != nil || len(got) != maxCandidates {
		t.Errorf("%d candidates, %v; want %d", len(got), err, maxCandidates)
	}
}

func TestHostileTenThousandAnswers(t *testing.T) {
	m := new(dns.Msg)
	for i := range 10000 {
		m.Answer = append(m.Answer, &dns.CNAME{
			Hdr:    dns.RR_Header{Name: fmt.Sprintf("n%d.", i), Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 60},
			Target: fmt.Sprintf("n%d.", i+1)})
	}
	took := time.Hour
	for range 5 { // the best of them: another program may take its turn meanwhile
		start := time.Now()
		rrs, next, _ := pick(m, "n0.", dns.TypeA)
		if took = min(took, time.Since(start)); len(rrs) != 0 || next != fmt.Sprintf("n%d.", maxHops) {
			t.Errorf("%d records, chain ends at %s", len(rrs), next)
		}
	}
	if took > time.Second {
		t.Errorf("took %v", took)
	}
}

func TestHostileEndlessAliases(t *testing.T) {
	s := serve(t)
	n := 0
	s.on(func(w dns.ResponseWriter, q *dns.Msg) bool {
		n++
		m := new(dns.Msg)
		m.SetReply(q)
		m.Answer = []dns.RR{&dns.CNAME{
			Hdr:    dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 60},
			Target: fmt.Sprintf("n%d.test.", n)}}
		_ = w.WriteMsg(m)
		return true
	})
	r := running(t, Config{Servers: []string{s.addr}})
	if got, err := look(t, r, "sip:x@start.test"); err == nil {
		t.Errorf("got %s", text(got))
	}
	if s.total() > maxQueries {
		t.Errorf("%d queries, want at most %d", s.total(), maxQueries)
	}
}

func TestHostileSRVFan(t *testing.T) {
	var records []string
	for i := range 200 {
		records = append(records, fmt.Sprintf("_sip._udp.fan.test. 60 IN SRV 0 0 5060 h%d.test.", i))
	}
	s := serve(t, records...)
	r := running(t, Config{Servers: []string{s.addr}})
	_, err := look(t, r, "sip:x@fan.test;transport=udp")
	if err == nil || s.total() > maxQueries+1 { // the SRV answer itself came twice: UDP, then TCP
		t.Errorf("%v after %d queries, want at most %d", err, s.total(), maxQueries+1)
	}
}

func TestHostileGarbage(t *testing.T) {
	s := serve(t)
	s.on(func(w dns.ResponseWriter, q *dns.Msg) bool {
		b := []byte{byte(q.Id >> 8), byte(q.Id), 0x81, 0x80, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0xc0, 0x0c, 0xc0}
		_, _ = w.Write(b)
		return true
	})
	r := running(t, Config{Servers: []string{s.addr}, Timeout: 500 * time.Millisecond})
	if got, err := look(t, r, "sip:x@host.test"); !errors.Is(err, ErrTemporary) {
		t.Errorf("got %s, %v; want ErrTemporary", text(got), err)
	}
}

// FuzzPick feeds arbitrary packets to what reads answers.
func FuzzPick(f *testing.F) {
	m := new(dns.Msg)
	m.SetQuestion("a.test.", dns.TypeA)
	for _, l := range []string{"a.test. 60 IN CNAME b.test.", "b.test. 60 IN A 192.0.2.1", "a.test. 1 IN SRV 1 2 3 .", `a.test. 1 IN NAPTR 1 2 "s" "SIP+D2U" "" c.test.`} {
		rr, err := dns.NewRR(l)
		if err != nil {
			f.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	b, err := m.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		m := new(dns.Msg)
		if m.Unpack(b) != nil {
			return
		}
		for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV, dns.TypeNAPTR} {
			rrs, _, ttl := pick(m, "a.test.", qtype)
			if len(rrs) > maxRecords || ttl < 0 || ttl > maxTTL {
				t.Fatalf("%d records, ttl %v", len(rrs), ttl)
			}
			for _, n := range sortNAPTR(rrs) {
				naptrProto(n)
			}
			orderSRV(rrs, func(n int) int { return n - 1 })
		}
	})
}
