package resolve

import (
	"errors"
	"testing"

	"tandem/rtc/transport"
)

var zone = []string{
	// all three records
	`full.test. 60 IN NAPTR 10 50 "s" "SIPS+D2T" "" _sips._tcp.full.test.`,
	`full.test. 60 IN NAPTR 20 5 "s" "SIP+D2T" "" _sip._tcp.full.test.`,
	`full.test. 60 IN NAPTR 20 6 "S" "sip+d2u" "" _sip._udp.full.test.`,
	`full.test. 60 IN NAPTR 1 1 "s" "SIP+D2S" "" _sip._sctp.full.test.`,
	`full.test. 60 IN NAPTR 1 1 "u" "E2U+sip" "!^.*$!sip:x@full.test!" .`,
	`_sips._tcp.full.test. 60 IN SRV 0 0 5061 a.full.test.`,
	`_sip._tcp.full.test. 60 IN SRV 0 0 5060 a.full.test.`,
	`_sip._tcp.full.test. 60 IN SRV 1 0 5070 b.full.test.`,
	`_sip._udp.full.test. 60 IN SRV 0 0 5060 a.full.test.`,
	`a.full.test. 60 IN A 192.0.2.1`,
	`a.full.test. 60 IN AAAA 2001:db8::1`,
	`b.full.test. 60 IN A 192.0.2.2`,
	// SRV without NAPTR
	`_sip._udp.srv.test. 60 IN SRV 0 0 5080 a.full.test.`,
	`_sips._tcp.srv.test. 60 IN SRV 0 0 5081 b.full.test.`,
	`srv.test. 60 IN A 192.0.2.9`,
	// addresses only
	`host.test. 60 IN A 192.0.2.3`,
	`host.test. 60 IN A 192.0.2.4`,
	// a service that is expressly not there
	`_sip._udp.nosip.test. 60 IN SRV 0 0 0 .`,
	`_sip._tcp.nosip.test. 60 IN SRV 0 0 0 .`,
	`_sips._tcp.nosip.test. 60 IN SRV 0 0 0 .`,
	`nosip.test. 60 IN A 192.0.2.10`,
	// aliases
	`alias.test. 60 IN CNAME alias2.test.`,
	`alias2.test. 60 IN CNAME host.test.`,
	`loop1.test. 60 IN CNAME loop2.test.`,
	`loop2.test. 60 IN CNAME loop1.test.`,
	// WebSocket
	`web.test. 60 IN NAPTR 10 50 "s" "SIPS+D2W" "" _sips._ws.web.test.`,
	`_sips._ws.web.test. 60 IN SRV 0 0 8443 b.full.test.`,
	`web.test. 60 IN A 192.0.2.11`,
	// NAPTR only for what we cannot do
	`sctp.test. 60 IN NAPTR 10 50 "s" "SIP+D2S" "" _sip._sctp.sctp.test.`,
	`_sip._udp.sctp.test. 60 IN SRV 0 0 5060 b.full.test.`,
}

func TestLocate(t *testing.T) {
	s := serve(t, zone...)
	all := []transport.Proto{transport.UDP, transport.TCP, transport.TLS, transport.WS, transport.WSS}
	r := running(t, Config{Servers: []string{s.addr}, Protos: all})
	for _, c := range []struct{ name, uri, want string }{
		{"NAPTR by order and preference, IPv4 first", "sip:x@full.test",
			"TLS 192.0.2.1:5061 full.test, TLS [2001:db8::1]:5061 full.test, TCP 192.0.2.1:5060, TCP [2001:db8::1]:5060, TCP 192.0.2.2:5070, UDP 192.0.2.1:5060, UDP [2001:db8::1]:5060"},
		{"sips takes TLS alone", "sips:x@full.test", "TLS 192.0.2.1:5061 full.test, TLS [2001:db8::1]:5061 full.test"},
		{"transport parameter: SRV of it", "sip:full.test;transport=tcp", "TCP 192.0.2.1:5060, TCP [2001:db8::1]:5060, TCP 192.0.2.2:5070"},
		{"names are compared without case", "sip:x@FULL.Test.;transport=UDP", "UDP 192.0.2.1:5060, UDP [2001:db8::1]:5060"},
		{"explicit port: no SRV", "sip:x@srv.test:5099", "UDP 192.0.2.9:5099"},
		{"explicit port and transport", "sip:x@srv.test:5099;transport=tcp", "TCP 192.0.2.9:5099"},
		{"explicit port, sips", "sips:x@srv.test:5099", "TLS 192.0.2.9:5099 srv.test"},
		{"SRV without NAPTR", "sip:x@srv.test", "UDP 192.0.2.1:5080, UDP [2001:db8::1]:5080, TLS 192.0.2.2:5081 srv.test"},
		{"SRV without NAPTR, sips", "sips:x@srv.test", "TLS 192.0.2.2:5081 srv.test"},
		{"no SRV for the transport: address", "sip:x@srv.test;transport=tcp", "TCP 192.0.2.9:5060"},
		{"address alone", "sip:x@host.test", "UDP 192.0.2.3:5060, UDP 192.0.2.4:5060"},
		{"address alone, sips", "sips:x@host.test", "TLS 192.0.2.3:5061 host.test, TLS 192.0.2.4:5061 host.test"},
		{"sips over tcp is TLS", "sips:x@host.test;transport=tcp", "TLS 192.0.2.3:5061 host.test, TLS 192.0.2.4:5061 host.test"},
		{"chain of aliases", "sip:x@alias.test", "UDP 192.0.2.3:5060, UDP 192.0.2.4:5060"},
		{"maddr wins, the host names the certificate", "sips:x@other.test;maddr=host.test", "TLS 192.0.2.3:5061 other.test, TLS 192.0.2.4:5061 other.test"},
		{"numeric maddr", "sip:x@other.test;maddr=192.0.2.77", "UDP 192.0.2.77:5060"},
		{"NAPTR of WebSocket", "sip:x@web.test", "WSS 192.0.2.2:8443 web.test"},
		{"ws by parameter has no SRV", "sip:x@web.test;transport=ws", "WS 192.0.2.11:80"},
		{"sips with ws is wss", "sips:x@web.test;transport=ws", "WSS 192.0.2.11:443 web.test"},
		{"NAPTR for foreign transports: SRV", "sip:x@sctp.test", "UDP 192.0.2.2:5060"},
		{"localhost", "sip:x@localhost:5070", "UDP 127.0.0.1:5070"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := look(t, r, c.uri)
			if err != nil || text(got) != c.want {
				t.Errorf("%s\n got %s, %v\nwant %s", c.uri, text(got), err, c.want)
			}
		})
	}
}

func TestLocateFails(t *testing.T) {
	s := serve(t, zone...)
	r := running(t, Config{Servers: []string{s.addr}})
	for _, c := range []struct {
		name, uri string
		want      error
	}{
		{"no such name", "sip:x@nobody.test", ErrNotFound},
		{"SRV target is the root", "sip:x@nosip.test", ErrNotFound},
		{"SRV target is the root, transport given", "sip:x@nosip.test;transport=udp", ErrNotFound},
		{"aliases in a circle", "sip:x@loop1.test", ErrNotFound},
		{"tel", "tel:+431234", ErrURI},
		{"foreign scheme", "http://host.test/", ErrURI},
		{"no host name", "sip:x@a..b", ErrURI},
		{"sips over UDP", "sips:x@host.test;transport=udp", ErrTransport},
		{"unknown transport", "sip:x@host.test;transport=sctp", ErrTransport},
		{"a transport we do not have", "sip:x@host.test;transport=ws", ErrTransport},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := uriOrHost(t, c.uri)
			ch := make(chan answer, 1)
			r.Lookup(u, func(c []Candidate, err error) { ch <- answer{c, err} })
			a := <-ch
			if !errors.Is(a.err, c.want) || a.cands != nil {
				t.Errorf("%s: got %v, %v; want %v", c.uri, text(a.cands), a.err, c.want)
			}
		})
	}
	if s.count(". A") != 0 || s.count("nosip.test. A") != 0 {
		t.Error("asked for the address of a service that is expressly not there")
	}
}

func TestSecureOnlyWithoutTLS(t *testing.T) {
	s := serve(t, zone...)
	r := running(t, Config{Servers: []string{s.addr}, Protos: []transport.Proto{transport.UDP, transport.TCP}})
	for _, u := range []string{"sips:x@host.test", "sips:x@full.test", "sips:x@192.0.2.1"} {
		if got, err := look(t, r, u); !errors.Is(err, ErrTransport) {
			t.Errorf("%s: got %v, %v", u, text(got), err)
		}
	}
}

func TestOnlyTCP(t *testing.T) {
	s := serve(t, zone...)
	r := running(t, Config{Servers: []string{s.addr}, Protos: []transport.Proto{transport.TCP}, NoIPv6: true})
	got, err := look(t, r, "sip:x@full.test")
	if err != nil || text(got) != "TCP 192.0.2.1:5060, TCP 192.0.2.2:5070" {
		t.Errorf("got %s, %v", text(got), err)
	}
	got, err = look(t, r, "sip:x@host.test")
	if err != nil || text(got) != "TCP 192.0.2.3:5060, TCP 192.0.2.4:5060" {
		t.Errorf("got %s, %v", text(got), err)
	}
}
