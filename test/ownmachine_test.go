package test

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/gatewaysim"
	"tandem/cmd/tandem/softphone"
	"tandem/media/sound"
	"tandem/rtc/trace"
	"tandem/test/harness"
)

// outward is an address of this machine that others reach it at, loopback's second
// where it has none.
func outward(t *testing.T) netip.Addr {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is4() && p.Addr().IsGlobalUnicast() && !p.Addr().IsLoopback() {
			return p.Addr()
		}
	}
	return netip.MustParseAddr("127.0.0.2")
}

// A phone on the server's own machine, which reaches it by loopback, calls through a
// gateway elsewhere: neither is told an address it could not send to, and both hear.
func TestPhoneOnTheServersMachine(t *testing.T) {
	softphone.AllowLargeDatagrams()
	here := outward(t)
	r := harness.StartServer(t, func(cfg *config.Config) {
		harness.Exchange(cfg)
		cfg.Listen = append(cfg.Listen, config.Listen{Proto: "udp", Addr: "0.0.0.0:0", Loops: 1})
	})
	open := r.S.Transport().Listeners()[len(harness.Listeners)].Addr()
	r.User("alice")
	g, err := gatewaysim.Start(gatewaysim.Config{Addr: netip.AddrPortFrom(here, 0), Ring: 50 * time.Millisecond,
		Allowed: []netip.Prefix{netip.PrefixFrom(here, here.BitLen())}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	r.Trunk(t, "elsewhere", g.URI(), nil)
	phone, err := softphone.New(softphone.Config{User: "alice", Domain: harness.Domain, Password: harness.Password,
		Server: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), open.Port()).String()})
	if err != nil {
		t.Fatal(err)
	}
	defer phone.Close()
	_, report := harness.HearsAnnouncement(t, phone)
	if a := report.Audio; len(a.Tones) < len(sound.Segments(gatewaysim.Announcement())) || a.Echoes == 0 {
		t.Errorf("heard %+v", a)
	}
	told := 0
	for _, m := range r.S.Trace().Entries(0, trace.Filter{}) {
		if !m.Out || !bytes.Contains(m.Bytes, []byte("\r\nc=IN IP4 ")) {
			continue
		}
		told++
		want := "127.0.0.1"
		if host, _, _ := net.SplitHostPort(m.Remote); host == here.String() {
			want = host
		}
		if !bytes.Contains(m.Bytes, []byte("\r\nc=IN IP4 "+want+"\r\n")) {
			t.Errorf("to %s:\n%s", m.Remote, m.Bytes)
		}
	}
	if told < 2 {
		t.Errorf("%d descriptions were sent", told)
	}
}
