package transport

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"tandem/rtc/sip"
)

func TestUDPEcho(t *testing.T) {
	for _, tc := range []struct {
		name, addr string
		loops      int
	}{
		{"IPv4", "127.0.0.1:0", 1},
		{"IPv4 several sockets", "127.0.0.1:0", 3},
		{"IPv6", "[::1]:0", 1},
		{"IPv6 several sockets", "[::1]:0", 2},
		{"another address", "127.0.0.2:0", 1},
		{"wildcard", "0.0.0.0:0", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &echo{}
			tr := start(t, Config{Handler: e, Listen: []Listen{{Proto: UDP, Addr: netip.MustParseAddrPort(tc.addr), Loops: tc.loops}}})
			to := tr.Listeners()[0].Addr()
			if to.Addr().IsUnspecified() {
				to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), to.Port())
			}
			for range 5 { // several source ports, so several sockets
				var m sip.Message
				if err := m.Parse(exchange(t, to, request("UDP", "x", "hello"))); err != nil {
					t.Fatal(err)
				}
				if m.StatusCode() != 200 || string(m.Body()) != "hello" {
					t.Fatalf("got %s", m.Bytes())
				}
				via, _ := m.TopVia()
				if !bytes.Equal(via.Received, []byte(to.Addr().String())) && via.RPortPort == 0 {
					t.Errorf("Via without received and rport: %s", m.Bytes())
				}
			}
		})
	}
}

// The kernel spreads the peers over all sockets of an address.
func TestUDPLoopsShareTheWork(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{{Proto: UDP, Loops: 3}}})
	for range 60 { // one source port each
		exchange(t, tr.Listeners()[0].Addr(), request("UDP", "x", ""))
	}
	for i, u := range tr.loops {
		if u.count.in.Load() == 0 {
			t.Errorf("loop %d of %d received none of 60", i, len(tr.loops))
		}
	}
}

// A UDP answer must come from the address the request went to.
func TestUDPAnswersFromItsSocket(t *testing.T) {
	e := &echo{}
	tr := start(t, Config{Handler: e, Listen: []Listen{
		{Proto: UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 2},
		{Proto: UDP, Addr: netip.MustParseAddrPort("127.0.0.3:0"), Loops: 1},
	}})
	for _, l := range tr.Listeners() {
		exchange(t, l.Addr(), request("UDP", "x", "")) // a connected client hears nobody else
		if f := e.lastFlow(); f.Listener() != l {
			t.Errorf("flow %v is not of listener %v", f, l.Addr())
		}
	}
}

func TestUDPKeepAlives(t *testing.T) {
	e := &echo{}
	tr := start(t, Config{Handler: e, Listen: []Listen{{Proto: UDP, Loops: 1}}})
	nc, err := net.Dial("udp", tr.Listeners()[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sent := [][]byte{[]byte("\r\n"), []byte("\r\n\r\n"), {0, 0, 0, 0}, []byte("jaK\x00"), []byte("jaK"), {0}, {}, []byte("\r\n\r\n\r\n\r\n"), {0, 0, 0, 0, 0, 0, 0, 0}}
	for _, b := range sent {
		if _, err := nc.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	nc.SetDeadline(time.Now().Add(30 * time.Second))
	nc.Write(append([]byte("\r\n\r\n"), request("UDP", "x", "real")...))
	buf := make([]byte, 2000)
	n, err := nc.Read(buf)
	if err != nil || !bytes.HasPrefix(buf[:n], []byte("SIP/2.0 200")) {
		t.Fatalf("the request behind the keep-alives: %v %s", err, buf[:n])
	}
	st := tr.Stats()
	if st.KeepAlives[UDP] != uint64(len(sent)) || st.In[UDP] != 1 || st.Malformed[UDP] != 0 {
		t.Errorf("counted %+v, want %d keep-alives and 1 message", st, len(sent))
	}
}

func TestSTUN(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		tr := start(t, Config{Handler: &echo{}, Listen: []Listen{{Proto: UDP, Addr: netip.MustParseAddrPort(addr), Loops: 1}}})
		nc, err := net.Dial("udp", tr.Listeners()[0].Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		id := []byte("abcdefghijkl")
		nc.Write(append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42}, id...))
		nc.SetDeadline(time.Now().Add(30 * time.Second))
		buf := make([]byte, 100)
		n, err := nc.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		b := buf[:n]
		own := nc.LocalAddr().(*net.UDPAddr).AddrPort()
		if b[0] != 1 || b[1] != 1 || !bytes.Equal(b[8:20], id) || int(b[3]) != n-20 || b[21] != 0x20 {
			t.Fatalf("not a binding response: %x", b)
		}
		port := uint16(b[26]^0x21)<<8 | uint16(b[27]^0x12)
		mask := append([]byte{0x21, 0x12, 0xA4, 0x42}, id...)
		var ip []byte
		for i, x := range b[28:] {
			ip = append(ip, x^mask[i])
		}
		got, _ := netip.AddrFromSlice(ip)
		if netip.AddrPortFrom(got, port) != own {
			t.Errorf("told %v:%d, is %v", got, port, own)
		}
	}
}

func TestUDPTooLong(t *testing.T) {
	e := &echo{}
	tr := start(t, Config{Handler: e, MaxMessage: 1000, Listen: []Listen{{Proto: UDP, Loops: 1}}})
	got := exchange(t, tr.Listeners()[0].Addr(), request("UDP", "x", string(bytes.Repeat([]byte("x"), 2000))))
	if !bytes.HasPrefix(got, []byte("SIP/2.0 513 ")) {
		t.Errorf("a datagram beyond the limit: %s", got)
	}
	got = exchange(t, tr.Listeners()[0].Addr(), request("UDP", "y", "short"))
	if !bytes.HasPrefix(got, []byte("SIP/2.0 200 ")) {
		t.Errorf("the next one: %s", got)
	}
	if st := tr.Stats(); st.Malformed[UDP] != 1 {
		t.Errorf("stats %+v", st)
	}
}

// A burst larger than the slots, to several listeners, keeps its order.
func TestUDPBurst(t *testing.T) {
	sinkhole, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer sinkhole.Close()
	sinkhole.SetReadBuffer(4 << 20)
	to := sinkhole.LocalAddr().(*net.UDPAddr).AddrPort()
	const each = 100
	e := &echo{onMsg: func(out Sink, f Flow, m *sip.Message, _ *sip.Error) bool {
		for i := range each {
			out.Send(Flow{l: f.l, Remote: to}, []byte{byte(i)}, nil)
		}
		return true
	}}
	tr := start(t, Config{Handler: e, Listen: []Listen{{Proto: UDP, Loops: 1}}})
	nc, err := net.Dial("udp", tr.Listeners()[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.Write(request("UDP", "x", ""))
	sinkhole.SetDeadline(time.Now().Add(30 * time.Second))
	buf := make([]byte, 10)
	for i := range each {
		n, err := sinkhole.Read(buf)
		if err != nil || n != 1 || buf[0] != byte(i) {
			t.Fatalf("datagram %d: %v, %v", i, buf[:n], err)
		}
	}
	eventually(t, "all counted", func() bool { return tr.Stats().Out[UDP] == each })
}

func TestUDPSendFailures(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{{Proto: UDP, Loops: 1}}})
	l := tr.Listeners()[0]
	for name, f := range map[string]Flow{
		"no flow":        {},
		"other family":   {l: l, Remote: netip.MustParseAddrPort("[::1]:5060")},
		"no route there": {l: l, Remote: netip.MustParseAddrPort("192.0.2.1:5060")},
	} {
		fail := newFailed()
		tr.Send(f, []byte("x"), fail)
		if err := fail.wait(t); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	fail := newFailed()
	tr.Send(Flow{l: l, Remote: l.Addr()}, bytes.Repeat([]byte("x"), 70000), fail)
	fail.wait(t) // longer than a datagram can be
	if d := tr.Stats().Dropped[UDP]; d < 3 {
		t.Errorf("counted %d dropped", d)
	}
}

func TestPanicIsContained(t *testing.T) {
	var log logged
	e := &echo{onMsg: func(_ Sink, _ Flow, m *sip.Message, _ *sip.Error) bool {
		if string(m.Body()) == "boom" {
			panic("boom")
		}
		return false
	}}
	tr := start(t, Config{Handler: e, Log: log.logger(), Listen: []Listen{{Proto: UDP, Loops: 1}, {Proto: TCP}}})
	udp, tcp := tr.Listeners()[0].Addr(), tr.Listeners()[1].Addr()
	nc, _ := net.Dial("udp", udp.String())
	defer nc.Close()
	for range 5 {
		nc.Write(request("UDP", "x", "boom"))
	}
	exchange(t, udp, request("UDP", "y", "fine"))
	c := dialTCP(t, tcp)
	c.write(append(request("TCP", "x", "boom"), request("TCP", "y", "fine")...))
	c.expect(200, "fine")
	if n := tr.Stats().Panics; n != 6 {
		t.Errorf("counted %d panics", n)
	}
	if s := log.String(); !bytes.Contains([]byte(s), []byte("TestPanicIsContained")) {
		t.Errorf("no stack in the log: %s", s)
	}
}
