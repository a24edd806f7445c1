package harness

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// Zone serves records of DNS on loopback.
func Zone(t *testing.T, records *sync.Map) (addr string) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answer := func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		if text, ok := records.Load(strings.ToLower(q.Question[0].Name)); ok && q.Question[0].Qtype == dns.TypeNAPTR {
			rr, err := dns.NewRR(q.Question[0].Name + " 60 IN NAPTR " + text.(string))
			if err != nil {
				t.Error(err)
			}
			m.Answer = append(m.Answer, rr)
		} else {
			m.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(m)
	}
	started, ended := make(chan struct{}), make(chan struct{})
	s := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(answer), NotifyStartedFunc: func() { close(started) }}
	go func() { defer close(ended); _ = s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	return pc.LocalAddr().String()
}
