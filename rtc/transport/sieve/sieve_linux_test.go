package sieve

import (
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// box is a socket behind a sieve.
type box struct {
	*Sieve
	conn *net.UDPConn
}

func newBox(t *testing.T, at string, c Config) *box {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return &box{New(raw, &c), conn}
}

// set moves it as Adjust would.
func (b *box) set(t *testing.T, level int) {
	t.Helper()
	b.level = level
	if !b.install() {
		t.Fatalf("the kernel takes no filter of level %d", level)
	}
}

// passed is how many of n datagrams from an address arrive. Each is waited for until it
// has come or the kernel has counted it as dropped.
func (b *box) passed(t *testing.T, from, text string, n int) (count int) {
	t.Helper()
	c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, b.conn.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	dropped := b.dropped(t)
	for i := range n {
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); count+b.dropped(t)-dropped <= i; {
			if b.take(t) {
				count++
			} else if time.Now().After(end) {
				t.Fatal("a datagram neither came nor was dropped")
			}
		}
	}
	return count
}

// take reads one datagram if there is one.
func (b *box) take(t *testing.T) (there bool) {
	t.Helper()
	var buf [100]byte
	err := b.raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), buf[:], syscall.MSG_DONTWAIT)
		there = err == nil && n > 0
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}

// dropped is how many datagrams the kernel has dropped.
func (b *box) dropped(t *testing.T) int {
	t.Helper()
	const drops = 8 // SK_MEMINFO_DROPS
	var values [drops + 1]uint32
	size := uint32(unsafe.Sizeof(values))
	err := b.raw.Control(func(fd uintptr) {
		_, _, e := syscall.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO, uintptr(unsafe.Pointer(&values)), uintptr(unsafe.Pointer(&size)), 0)
		if e != 0 {
			t.Error(e)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return int(values[drops])
}

const request = "REGISTER sip:example.com SIP/2.0\r\n"

// Known senders, networks of peers, responses and emergency calls pass; of others few
// pass, and all of them without a filter.
func TestKnownSendersPass(t *testing.T) {
	var known Senders
	known.Add(phone, time.Now())
	for i := range 3000 { // a large map, in which strangers pass by chance
		if a := netip.AddrFrom4([4]byte{10, 7, byte(i >> 8), byte(i)}); hash(a) != hash(netip.MustParseAddr("127.0.0.66")) {
			known.Add(a, time.Now())
		}
	}
	b := newBox(t, "127.0.0.1:0", Config{Senders: &known, Begins: []string{"SIP/2.0 ", "INVITE urn:service:sos"},
		Peers: slices.Values([]netip.Prefix{netip.MustParsePrefix("127.0.9.0/24"), netip.MustParsePrefix("127.0.0.9/32"), netip.MustParsePrefix("2001:db8::/40")})})
	b.set(t, maxLevel)
	const n = 300
	for _, c := range []struct {
		from, text  string
		least, most int
	}{
		{"127.0.0.7", request, n, n},
		{"127.0.0.66", request, 0, n / 10},
		{"127.0.0.66", "SIP/2.0 200 OK\r\n", n, n},
		{"127.0.0.66", "SIP/1.0 200 OK\r\n", 0, n / 10},
		{"127.0.0.66", "INVITE urn:service:sos SIP/2.0\r\n", n, n},
		{"127.0.0.66", "INVITE urn:service:so", 0, n / 10},
		{"127.0.0.66", "x", 0, n / 10},
		{"127.0.9.200", request, n, n},
		{"127.0.0.9", request, n, n},
	} {
		if got := b.passed(t, c.from, c.text, n); got < c.least || got > c.most {
			t.Errorf("%d of %d pass from %s: %q", got, n, c.from, c.text)
		}
	}
	b.set(t, 1)
	if got := b.passed(t, "127.0.0.66", request, n); got < n/4 || got > n*3/4 {
		t.Errorf("%d of %d pass where half should", got, n)
	}
	b.set(t, 0)
	if got := b.passed(t, "127.0.0.66", request, n); got != n {
		t.Errorf("%d of %d pass without a filter", got, n)
	}
}

func TestKnownSendersPassIPv6(t *testing.T) {
	here := netip.MustParseAddr("::1")
	for _, c := range []struct {
		known, peer string
		pass        bool
	}{
		{"::1", "2001:db8::/40", true},
		{"2001:db8::1", "2001:db8::/40", false},
		{"2001:db8::1", "::/64", true},
		{"2001:db8::1", "::1:0:0:0:0/64", false},
	} {
		var known Senders
		known.Add(netip.MustParseAddr(c.known), time.Now())
		b := newBox(t, "[::1]:0", Config{Senders: &known, Peers: slices.Values([]netip.Prefix{netip.MustParsePrefix(c.peer)})})
		b.set(t, maxLevel)
		if got := b.passed(t, here.String(), request, 100); c.pass != (got == 100) {
			t.Errorf("known %s, peers in %s: %d of 100 pass", c.known, c.peer, got)
		}
	}
}

// The kernel accepts the largest possible program, also as a replacement for another
// one.
func TestFullMap(t *testing.T) {
	var known Senders
	known.day.Store(time.Now().Unix() / 86400)
	for i := range known.bits[0] {
		known.bits[0][i].Store(0x55555555)
	}
	b := newBox(t, "127.0.0.1:0", Config{Senders: &known})
	for level := range 3 {
		b.set(t, 3-level)
	}
	if n := len(compile(known.snapshot(), nil, nil, 1)); n > 4096 {
		t.Errorf("%d instructions", n)
	}
}

// It lets fewer pass while the reader drops nearly all, and more while it drops
// nothing, and knows senders that became known meanwhile.
func TestAdjust(t *testing.T) {
	var known Senders
	b := newBox(t, "127.0.0.1:0", Config{Senders: &known})
	now := morning
	for range 5 {
		now = now.Add(finerEvery)
		b.Adjust(1, now)
	}
	if b.level != 5 || !b.On() {
		t.Fatalf("level %d after five steps", b.level)
	}
	if b.Adjust(1, now.Add(finerEvery/2)); b.level != 5 {
		t.Error("two steps at once")
	}
	if b.Adjust(0.5, now.Add(time.Hour)); b.level != 5 {
		t.Error("moved while some are dropped")
	}
	for range 4 * maxLevel {
		now = now.Add(finerEvery)
		b.Adjust(1, now)
	}
	if b.level != maxLevel {
		t.Errorf("level %d under a long flood", b.level)
	}
	known.Add(phone, now)
	b.Adjust(0.5, now.Add(builtEvery))
	if got := b.passed(t, phone.String(), request, 100); got != 100 {
		t.Errorf("%d of 100 pass of who became known", got)
	}
	for range maxLevel {
		now = now.Add(widerEvery)
		b.Adjust(0, now)
	}
	if b.On() || b.passed(t, "127.0.0.66", request, 100) != 100 {
		t.Error("a filter when the flood is over")
	}
}

// Too many networks of peers mean no filter instead of a wrong one.
func TestTooManyNetworks(t *testing.T) {
	var wide []netip.Prefix
	for i := range maxNetworks + 1 {
		wide = append(wide, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16))
	}
	b := newBox(t, "127.0.0.1:0", Config{Senders: new(Senders), Peers: slices.Values(wide)})
	b.Adjust(1, morning)
	if b.On() || b.passed(t, "127.0.0.66", request, 100) != 100 {
		t.Error("there is a filter")
	}
}
