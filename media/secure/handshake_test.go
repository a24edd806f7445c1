package secure

import (
	"crypto"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// outcome is what Done was called with.
type outcome struct {
	send, receive Key
	err           error
}

// party is one end of a handshake under test.
type party struct {
	*Handshake
	done  chan outcome
	gone  chan struct{}
	calls atomic.Int32
}

var (
	here  = netip.MustParseAddrPort("127.0.0.1:4000")
	there = netip.MustParseAddrPort("127.0.0.1:4002")
)

func identity(t testing.TB) *Identity {
	t.Helper()
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func begin(t testing.TB, c HandshakeConfig) *party {
	t.Helper()
	p := &party{done: make(chan outcome, 4), gone: make(chan struct{}, 4)}
	c.Done = func(send, receive Key, err error) { p.calls.Add(1); p.done <- outcome{send, receive, err} }
	c.Gone = func() { p.gone <- struct{}{} }
	p.Handshake = NewHandshake(c)
	t.Cleanup(p.Close)
	return p
}

func (p *party) wait(t testing.TB) outcome {
	t.Helper()
	select {
	case o := <-p.done:
		return o
	case <-time.After(90 * time.Second):
		t.Fatal("handshake neither done nor failed")
		return outcome{}
	}
}

// wire joins two parties; pass decides of each datagram, by its number.
type wire struct {
	mu   sync.Mutex
	n    int
	pass func(n int, toActive bool, b []byte) bool
	ends [2]*party // passive, active
}

func (w *wire) send(toActive bool) func([]byte, netip.AddrPort) error {
	return func(b []byte, _ netip.AddrPort) error {
		w.mu.Lock()
		w.n++
		to, from := w.ends[0], there
		if toActive {
			to, from = w.ends[1], here
		}
		ok := to != nil && (w.pass == nil || w.pass(w.n, toActive, b))
		w.mu.Unlock()
		if ok {
			to.Packet(b, from)
		}
		return nil
	}
}

// join starts a handshake between two identities over w.
func join(t testing.TB, w *wire, a, b *Identity, change func(passive, active *HandshakeConfig)) (passive, active *party) {
	t.Helper()
	cp := HandshakeConfig{Identity: a, Hash: b.Hash, Fingerprint: b.Fingerprint, Send: w.send(true), Timeout: time.Minute}
	ca := HandshakeConfig{Identity: b, Active: true, Hash: a.Hash, Fingerprint: a.Fingerprint, Send: w.send(false), Timeout: time.Minute}
	if change != nil {
		change(&cp, &ca)
	}
	w.mu.Lock()
	w.ends[0] = begin(t, cp)
	w.ends[1] = begin(t, ca)
	w.mu.Unlock()
	return w.ends[0], w.ends[1]
}

// through sends one packet protected with one key and opens it with another.
func through(t testing.TB, send, receive Key) {
	t.Helper()
	out, err := NewContext(send)
	if err != nil {
		t.Fatal(err)
	}
	in, err := NewContext(receive)
	if err != nil {
		t.Fatal(err)
	}
	want := rtpPacket(1, 7, 160)
	b, err := out.Protect(append(make([]byte, 0, 512), want...))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = in.Unprotect(b); err != nil || string(b) != string(want) {
		t.Fatalf("opened %x, %v", b, err)
	}
}

func TestHandshake(t *testing.T) {
	w := &wire{}
	passive, active := join(t, w, identity(t), identity(t), nil)
	p, a := passive.wait(t), active.wait(t)
	if p.err != nil || a.err != nil {
		t.Fatal(p.err, a.err)
	}
	if p.send.Profile != Profiles[0] || !p.send.Equal(a.receive) || !a.send.Equal(p.receive) || a.send.Equal(a.receive) {
		t.Fatal("keys of the two ends do not meet", p.send.Profile)
	}
	through(t, p.send, a.receive)
	through(t, a.send, p.receive)
	active.Close()
	select {
	case <-passive.gone:
	case <-time.After(30 * time.Second):
		t.Fatal("close_notify was not noted")
	}
	active.Close()
	passive.Close()
	if passive.calls.Load() != 1 || active.calls.Load() != 1 {
		t.Error("Done was not called once")
	}
	if len(active.gone) != 0 {
		t.Error("our own Close is not the far side's")
	}
}

func TestHandshakeOverLoss(t *testing.T) {
	for name, pass := range map[string]func(int, bool, []byte) bool{
		"first of each": func(n int, _ bool, _ []byte) bool { return n > 2 },
		"every third":   func(n int, _ bool, _ []byte) bool { return n%3 != 0 },
		"every second":  func(n int, _ bool, _ []byte) bool { return n%2 != 0 || n > 12 },
		"last flight":   func(n int, to bool, b []byte) bool { return !to || b[0] != typeChangeCipherSpec || n > 9 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			passive, active := join(t, &wire{pass: pass}, identity(t), identity(t), nil)
			p, a := passive.wait(t), active.wait(t)
			if p.err != nil || a.err != nil || !p.send.Equal(a.receive) {
				t.Fatal(p.err, a.err)
			}
		})
	}
}

func TestWrongFingerprintFails(t *testing.T) {
	stranger := identity(t)
	for _, whose := range []string{"passive", "active"} {
		t.Run(whose, func(t *testing.T) {
			passive, active := join(t, &wire{}, identity(t), identity(t), func(p, a *HandshakeConfig) {
				if whose == "passive" {
					p.Fingerprint = stranger.Fingerprint
				} else {
					a.Fingerprint = stranger.Fingerprint
				}
			})
			judge, other := passive, active
			if whose == "active" {
				judge, other = active, passive
			}
			if o := judge.wait(t); !errors.Is(o.err, errFingerprint) || o.send.Master != nil {
				t.Fatalf("got %v", o.err)
			}
			if o := other.wait(t); o.err == nil {
				t.Fatal("the other end took it for done")
			}
		})
	}
}

// A certificate is public: who shows it without its key must not pass.
func TestCertificateWithoutItsKeyFails(t *testing.T) {
	owner, thief := identity(t), identity(t)
	thief.Certificate.Certificate = owner.Certificate.Certificate
	for _, active := range []bool{false, true} {
		a, b := identity(t), thief
		if active {
			a, b = thief, identity(t)
		}
		passiveEnd, activeEnd := join(t, &wire{}, a, b, func(p, c *HandshakeConfig) {
			p.Timeout, c.Timeout = 2*time.Second, 2*time.Second
			if active {
				c.Fingerprint = owner.Fingerprint
			} else {
				p.Fingerprint = owner.Fingerprint
			}
		})
		victim := passiveEnd
		if active {
			victim = activeEnd
		}
		if o := victim.wait(t); o.err == nil {
			t.Fatalf("active %t: took a certificate from one without its key", active)
		}
	}
}

func TestHandshakeTimesOut(t *testing.T) {
	for _, active := range []bool{false, true} {
		id := identity(t)
		p := begin(t, HandshakeConfig{Identity: id, Active: active, Hash: id.Hash, Fingerprint: id.Fingerprint,
			Send: func([]byte, netip.AddrPort) error { return nil }, Timeout: 100 * time.Millisecond})
		if o := p.wait(t); !errors.Is(o.err, ErrTimeout) {
			t.Errorf("active %t: %v", active, o.err)
		}
	}
}

func TestCloseBeforeTheEnd(t *testing.T) {
	for _, send := range []error{nil, ErrNoPath} {
		id := identity(t)
		p := begin(t, HandshakeConfig{Identity: id, Active: true, Hash: id.Hash, Fingerprint: id.Fingerprint,
			Send: func([]byte, netip.AddrPort) error { return send }})
		time.Sleep(20 * time.Millisecond)
		p.Close()
		if o := p.wait(t); !errors.Is(o.err, ErrClosed) {
			t.Errorf("%v", o.err)
		}
	}
}

// Without a path a flight waits for one, and goes out as soon as it opens.
func TestHandshakeWaitsForItsPath(t *testing.T) { synctest.Test(t, handshakeWaitsForItsPath) }

func handshakeWaitsForItsPath(t *testing.T) {
	var open atomic.Bool
	w := &wire{}
	passive, active := join(t, w, identity(t), identity(t), func(_, a *HandshakeConfig) {
		send := a.Send
		a.Send = func(b []byte, to netip.AddrPort) error {
			if !open.Load() {
				return ErrNoPath
			}
			return send(b, to)
		}
	})
	time.Sleep(flight + flight/4)
	start := time.Now()
	open.Store(true)
	if p, a := passive.wait(t), active.wait(t); p.err != nil || a.err != nil {
		t.Fatal(p.err, a.err)
	}
	if took := time.Since(start); took > flight {
		t.Errorf("%v after the path opened", took)
	}
	passive.Close()
	active.Close()
}

// What a stranger may send must not end a handshake, nor what follows it.
func TestHandshakeOutlivesGarbage(t *testing.T) {
	garbage := hostile()
	w := &wire{}
	pass := func(n int, toActive bool, b []byte) bool {
		to := w.ends[0]
		if toActive {
			to = w.ends[1]
		}
		for _, g := range garbage {
			to.Packet(g, here)
		}
		time.Sleep(time.Millisecond)
		return true
	}
	w.pass = pass
	passive, active := join(t, w, identity(t), identity(t), nil)
	p, a := passive.wait(t), active.wait(t)
	if p.err != nil || a.err != nil {
		t.Fatal(p.err, a.err)
	}
	for range 100 {
		for _, g := range garbage {
			passive.Packet(g, here)
		}
	}
	select {
	case <-passive.gone:
		t.Fatal("garbage closed an established handshake")
	case <-time.After(50 * time.Millisecond):
	}
	active.Close()
	select {
	case <-passive.gone:
	case <-time.After(30 * time.Second):
		t.Fatal("close_notify was not noted after garbage")
	}
}

// hostile is datagrams that no peer of ours would send.
func hostile() [][]byte {
	record := func(kind, epoch byte, body string) []byte {
		b := []byte{kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 99, byte(len(body) >> 8), byte(len(body))}
		return append(b, body...)
	}
	return [][]byte{
		{}, {22}, []byte(strings.Repeat("\x16", 12)), []byte(strings.Repeat("\x16", 9000)),
		record(typeApplicationData, 0, "hello"),
		record(typeApplicationData, 1, "hello"),
		record(typeAlert, 0, "x"),
		record(typeChangeCipherSpec, 0, "\x02"),
		record(typeHandshake, 0, "\x01\xff\xff\xff"),
		record(typeHandshake, 0, "\x01\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"),        // 16 MB
		record(typeHandshake, 0, "\x01\x00\x00\x05\x00\x00\x00\x00\x09\x00\x00\x01x"),       // fragment behind its end
		record(typeHandshake, 0, "\x01\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x05"),        // shorter than it says
		record(typeAlert, 1, strings.Repeat("\x00", 40)),                                    // sealed with no key of ours
		record(24, 0, "heartbeat"), record(25, 0, "cid"), record(typeHandshake, 7, "epoch"), // kinds and epochs not in use
		append(record(typeHandshake, 1, strings.Repeat("\x55", 64)), 1, 2, 3), // more behind the record
	}
}

// A stranger who sends ClientHellos from everywhere costs one cookie each.
func TestStrangersGetNoMoreThanACookie(t *testing.T) {
	var hello []byte
	id := identity(t)
	caught := make(chan []byte, 16)
	begin(t, HandshakeConfig{Identity: id, Active: true, Hash: id.Hash, Fingerprint: id.Fingerprint, Timeout: time.Minute,
		Send: func(b []byte, _ netip.AddrPort) error {
			select {
			case caught <- append([]byte(nil), b...):
			default:
			}
			return nil
		}})
	hello = <-caught
	var answered, octets atomic.Int64
	p := begin(t, HandshakeConfig{Identity: id, Hash: id.Hash, Fingerprint: id.Fingerprint, Timeout: time.Minute,
		Send: func(b []byte, _ netip.AddrPort) error { answered.Add(1); octets.Add(int64(len(b))); return nil }})
	for i := range 200 {
		forged := append([]byte(nil), hello...)
		forged[10] = byte(i + 1) // sequence number of the record
		p.Packet(forged, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, byte(i)}), 999))
		time.Sleep(time.Millisecond)
	}
	if o := octets.Load(); o > int64(200*len(hello)) {
		t.Errorf("answered %d octets to %d", o, 200*len(hello))
	}
	if answered.Load() == 0 {
		t.Error("no HelloVerifyRequest at all")
	}
}

func TestHandshakesLeaveNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	a, b := identity(t), identity(t)
	for i := range 8 {
		w := &wire{}
		passive, active := join(t, w, a, b, func(p, c *HandshakeConfig) {
			if i%4 == 3 {
				p.Fingerprint = a.Fingerprint
			}
		})
		if i%4 != 2 {
			passive.wait(t)
			active.wait(t)
		}
		passive.Close()
		active.Close()
	}
	for range 1500 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	t.Fatalf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
}

func TestMatchFingerprint(t *testing.T) {
	der := []byte("a certificate")
	for name, h := range map[string]crypto.Hash{"sha-1": crypto.SHA1, "SHA-256": crypto.SHA256, "sha-384": crypto.SHA384, "sha-512": crypto.SHA512, "sha-224": crypto.SHA224} {
		good := colons(digest(h, der))
		for _, f := range []string{good, strings.ToLower(good), " " + good} {
			if err := matchFingerprint(der, name, f); err != nil {
				t.Errorf("%s %s: %v", name, f, err)
			}
		}
		for _, f := range []string{"", good[3:], good[:len(good)-1] + "G", colons(digest(h, []byte("another"))), good + ":00"} {
			if err := matchFingerprint(der, name, f); !errors.Is(err, errFingerprint) {
				t.Errorf("%s %q: %v", name, f, err)
			}
		}
	}
	for _, name := range []string{"md5", "md2", "", "sha-3"} {
		if err := matchFingerprint(der, name, "00"); !errors.Is(err, errFingerprint) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestIdentityShowsNoKey(t *testing.T) {
	id := identity(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if s := fmt.Sprintf(verb, id); s != id.Hash+" "+id.Fingerprint {
			t.Errorf("%s: %s", verb, s)
		}
	}
}

func BenchmarkHandshake(b *testing.B) {
	one, two := identity(b), identity(b)
	b.ReportAllocs()
	for b.Loop() {
		passive, active := join(b, &wire{}, one, two, nil)
		if p, a := passive.wait(b), active.wait(b); p.err != nil || a.err != nil {
			b.Fatal(p.err, a.err)
		}
		active.Close()
		passive.Close()
	}
}
