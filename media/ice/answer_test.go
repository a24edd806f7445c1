package ice

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

var (
	v4    = netip.MustParseAddrPort("192.0.2.9:40001")
	v4too = netip.MustParseAddrPort("198.51.100.7:40002")
	v6    = netip.MustParseAddrPort("[2001:db8::7]:40003")
	noon  = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
)

func agent(t testing.TB) *Agent {
	t.Helper()
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	a.Remote("their", "their-password-of-some-length")
	return a
}

// set is an attribute of any kind and value.
type set struct {
	kind  stun.AttrType
	value []byte
}

func (s set) AddTo(m *stun.Message) error { m.Add(s.kind, s.value); return nil }

// binding is a connectivity check as the library of another project builds it.
func binding(t testing.TB, user, pwd string, more ...stun.Setter) []byte {
	t.Helper()
	setters := []stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(user),
		set{stun.AttrICEControlling, []byte("12345678")}, set{stun.AttrPriority, []byte{1, 2, 3, 4}}}
	setters = append(setters, more...)
	if pwd != "" {
		setters = append(setters, stun.NewShortTermIntegrity(pwd))
	}
	setters = append(setters, stun.Fingerprint)
	m, err := stun.Build(setters...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

var use = set{stun.AttrUseCandidate, nil}

// answered reads a reply with the other library and checks its seals.
func answered(t testing.TB, b, request []byte, pwd string) *stun.Message {
	t.Helper()
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	if err := m.Decode(); err != nil {
		t.Fatalf("reply %x: %v", b, err)
	}
	if err := stun.Fingerprint.Check(m); err != nil {
		t.Fatal(err)
	}
	if pwd != "" {
		if err := stun.NewShortTermIntegrity(pwd).Check(m); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(m.TransactionID[:], request[8:20]) {
		t.Fatal("another transaction")
	}
	return m
}

func errorCode(t testing.TB, m *stun.Message) int {
	t.Helper()
	var e stun.ErrorCodeAttribute
	if m.Type != stun.BindingError {
		return 0
	}
	if err := e.GetFrom(m); err != nil {
		t.Fatal(err)
	}
	return int(e.Code)
}

func TestSuccess(t *testing.T) {
	for _, from := range []netip.AddrPort{v4, v6, netip.AddrPortFrom(netip.AddrFrom16(v4.Addr().As16()), v4.Port())} {
		a := agent(t)
		b := binding(t, a.Ufrag+":their", a.Pwd)
		before := append([]byte(nil), b...)
		out, nominated := a.Packet(nil, b, from, noon)
		if nominated || a.Selected().IsValid() || !a.Consent().IsZero() {
			t.Error("an ordinary check nominates nothing")
		}
		if !bytes.Equal(before, b) {
			t.Error("the packet was changed")
		}
		m := answered(t, out, b, a.Pwd)
		var mapped stun.XORMappedAddress
		if err := mapped.GetFrom(m); err != nil || m.Type != stun.BindingSuccess {
			t.Fatal(err, m)
		}
		if !mapped.IP.Equal(net.IP(from.Addr().Unmap().AsSlice())) || mapped.Port != int(from.Port()) {
			t.Errorf("mapped %v, from %v", mapped, from)
		}
	}
}

func TestNominationAndConsent(t *testing.T) {
	a := agent(t)
	user := a.Ufrag + ":their"
	step := func(from netip.AddrPort, at int, want bool, more ...stun.Setter) {
		t.Helper()
		out, nominated := a.Packet(nil, binding(t, user, a.Pwd, more...), from, noon.Add(time.Duration(at)*time.Second))
		if nominated != want || len(out) == 0 {
			t.Errorf("nominated %t, want %t; %d octets", nominated, want, len(out))
		}
	}
	step(v4, 0, true, use)
	if a.Selected() != v4 || !a.Consent().Equal(noon) {
		t.Error(a.Selected(), a.Consent())
	}
	step(v4, 5, false)
	if !a.Consent().Equal(noon.Add(5 * time.Second)) {
		t.Error("a check of the selected pair is consent")
	}
	step(v4too, 8, false)
	if a.Selected() != v4 || !a.Consent().Equal(noon.Add(5*time.Second)) {
		t.Error("a check of another pair is none")
	}
	step(v4too, 9, true, use)
	if a.Selected() != v4too {
		t.Error("the latest nomination counts")
	}
	number := func(n byte) set { return set{0xC001, []byte{0, 0, 0, n}} }
	step(v4, 10, true, number(3))
	step(v4too, 11, false, number(2), use)
	if a.Selected() != v4 {
		t.Error("of numbered nominations the highest counts")
	}
}

func TestRefusals(t *testing.T) {
	a := agent(t)
	user := a.Ufrag + ":their"
	unknown := set{0x7777, []byte("abcd")}
	controlled := set{stun.AttrICEControlled, []byte("87654321")}
	build := func(setters ...stun.Setter) []byte {
		m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, setters...)...)
		if err != nil {
			t.Fatal(err)
		}
		return m.Raw
	}
	for name, c := range map[string]struct {
		b      []byte
		code   int
		signed bool
	}{
		"no integrity":     {binding(t, user, "", use), 400, false},
		"no username":      {build(use, set{stun.AttrPriority, []byte{1, 2, 3, 4}}, stun.NewShortTermIntegrity(a.Pwd)), 400, false},
		"wrong password":   {binding(t, user, a.Pwd+"x", use), 401, false},
		"wrong ufrag":      {binding(t, "nobody:their", a.Pwd, use), 401, false},
		"wrong far ufrag":  {binding(t, a.Ufrag+":other", a.Pwd, use), 401, false},
		"no colon":         {binding(t, a.Ufrag, a.Pwd, use), 401, false},
		"bad priority":     {build(stun.NewUsername(user), set{stun.AttrPriority, []byte{1}}, use, stun.NewShortTermIntegrity(a.Pwd)), 400, false},
		"bad integrity":    {build(stun.NewUsername(user), use, set{stun.AttrMessageIntegrity, make([]byte, 16)}), 400, false},
		"unknown":          {binding(t, user, a.Pwd, use, unknown), 420, true},
		"role conflict":    {build(stun.NewUsername(user), controlled, use, stun.NewShortTermIntegrity(a.Pwd), stun.Fingerprint), 487, true},
		"unknown unsigned": {binding(t, user, "", use, unknown), 400, false},
	} {
		out, nominated := a.Packet(nil, c.b, v4, noon)
		if nominated || a.Selected().IsValid() {
			t.Fatalf("%s: moved the pair", name)
		}
		if len(out) > len(c.b) {
			t.Errorf("%s: %d octets to %d", name, len(out), len(c.b))
		}
		if len(out) == 0 {
			t.Errorf("%s: no answer", name)
			continue
		}
		pwd := ""
		if c.signed {
			pwd = a.Pwd
		}
		m := answered(t, out, c.b, pwd)
		if got := errorCode(t, m); got != c.code {
			t.Errorf("%s: %d, want %d", name, got, c.code)
		}
		var kinds stun.UnknownAttributes
		if c.code == 420 && (kinds.GetFrom(m) != nil || len(kinds) != 1 || kinds[0] != 0x7777) {
			t.Errorf("%s: %v", name, kinds)
		}
	}
}

func TestSilence(t *testing.T) {
	a := agent(t)
	good := binding(t, a.Ufrag+":their", a.Pwd, use)
	changed := func(f func(b []byte) []byte) []byte { return f(append([]byte(nil), good...)) }
	kind := func(k uint16) []byte {
		return changed(func(b []byte) []byte { binary.BigEndian.PutUint16(b, k); return b })
	}
	bare, _ := stun.Build(stun.TransactionID, stun.BindingRequest)
	for name, b := range map[string][]byte{
		"nothing": {}, "a zero": {0}, "a header alone": bare.Raw,
		"indication": kind(0x0011), "success": kind(0x0101), "error": kind(0x0111), "allocate": kind(0x0003),
		"bad fingerprint": changed(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }),
		"cut":             good[:len(good)-4],
		"longer":          append(append([]byte(nil), good...), 0, 0, 0, 0),
		"other cookie":    changed(func(b []byte) []byte { b[4] ^= 1; return b }),
		"attribute over":  changed(func(b []byte) []byte { b[23] = 0xFF; return b }),
		"RTP":             changed(func(b []byte) []byte { b[0] = 0x80; return b }),
	} {
		reply, nominated := a.Packet([]byte("kept"), b, v4, noon)
		if string(reply) != "kept" || nominated || a.Selected().IsValid() {
			t.Errorf("%s: %q %t", name, reply, nominated)
		}
	}
	if out, nominated := a.Packet(nil, good, netip.AddrPort{}, noon); len(out) != 0 || nominated {
		t.Error("from nowhere")
	}
}

// A recorded check must not draw the media to who repeats it from elsewhere.
func TestRepeatedFromElsewhere(t *testing.T) {
	a := agent(t)
	b := binding(t, a.Ufrag+":their", a.Pwd, use)
	if _, nominated := a.Packet(nil, b, v4, noon); !nominated {
		t.Fatal("not nominated")
	}
	if out, nominated := a.Packet(nil, b, v4too, noon); nominated || len(out) != 0 || a.Selected() != v4 {
		t.Error("moved by a repetition")
	}
	if out, nominated := a.Packet(nil, b, v4, noon.Add(time.Second)); !nominated || len(out) == 0 {
		t.Error("a retransmission from the same place is answered")
	}
}

// What follows the integrity is not covered by it.
func TestUseCandidateBehindIntegrity(t *testing.T) {
	a := agent(t)
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(a.Ufrag+":their"), stun.NewShortTermIntegrity(a.Pwd), use, stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	if out, nominated := a.Packet(nil, m.Raw, v4, noon); nominated || len(out) == 0 {
		t.Error("nominated by an attribute anybody may append")
	}
}

func TestSHA256(t *testing.T) {
	a := agent(t)
	b := []byte{0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	user := a.Ufrag + ":their"
	b = append(b, 0, attrUsername, 0, byte(len(user)))
	b = append(b, user...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b = append(b, 0, attrUseCandidate, 0, 0)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-header+36))
	sum := append([]byte(nil), a.now.sum256(b, len(b), 32)...)
	b = append(b, 0, attrIntegritySHA256, 0, 32)
	b = append(b, sum...)
	out, nominated := a.Packet(nil, b, v4, noon)
	if !nominated {
		t.Fatalf("not taken: %x", out)
	}
	r := request{}
	if !isSTUN(out) || !r.parse(out) || r.integritySHA256 == 0 || !a.now.signed(out, &r) {
		t.Errorf("answered %x", out)
	}
	b[len(b)-1] ^= 1
	if _, nominated := a.Packet(nil, b, v4too, noon); nominated {
		t.Error("taken with a wrong sum")
	}
}

func TestRestart(t *testing.T) {
	a := agent(t)
	oldUser, oldPwd := a.Ufrag+":their", a.Pwd
	a.Packet(nil, binding(t, oldUser, oldPwd, use), v4, noon)
	if a.Restarts("their", "their-password-of-some-length") || !a.Restarts("newer", "another-password-of-theirs") {
		t.Error("Restarts")
	}
	a.Remote("newer", "another-password-of-theirs")
	if err := a.Restart(); err != nil {
		t.Fatal(err)
	}
	if a.Ufrag+":their" == oldUser || a.Pwd == oldPwd || a.Selected() != v4 {
		t.Fatal("not new, or the pair was dropped")
	}
	out, nominated := a.Packet(nil, binding(t, oldUser, oldPwd, use), v4too, noon.Add(time.Second))
	if nominated || a.Selected() != v4 {
		t.Error("the time before moves nothing")
	}
	answered(t, out, out, oldPwd)
	a.Packet(nil, binding(t, oldUser, oldPwd), v4, noon.Add(2*time.Second))
	if !a.Consent().Equal(noon.Add(2 * time.Second)) {
		t.Error("consent goes on with the old credentials")
	}
	if _, nominated := a.Packet(nil, binding(t, a.Ufrag+":newer", a.Pwd, use), v4too, noon.Add(3*time.Second)); !nominated || a.Selected() != v4too {
		t.Error("not nominated anew")
	}
	out, _ = a.Packet(nil, binding(t, oldUser, oldPwd), v4, noon)
	if m := answered(t, out, out, ""); errorCode(t, m) != 401 {
		t.Error("old credentials count after the new pair")
	}
}

// Before the far side's SDP came, its checks are taken by our password.
func TestEarlyChecks(t *testing.T) {
	a, _ := New()
	if _, nominated := a.Packet(nil, binding(t, a.Ufrag+":any", a.Pwd, use), v4, noon); !nominated {
		t.Error("not taken")
	}
}

func TestCredentials(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		a, err := New()
		if err != nil || len(a.Ufrag) < 4 || len(a.Pwd) < 22 || seen[a.Ufrag] || seen[a.Pwd] {
			t.Fatal(err, a.Ufrag, len(a.Pwd))
		}
		seen[a.Ufrag], seen[a.Pwd] = true, true
		if strings.Trim(a.Ufrag+a.Pwd, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") != "" {
			t.Fatal("not ice-char")
		}
	}
}

func TestPasswordIsNotShown(t *testing.T) {
	a := agent(t)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "a", a)
	encoded, _ := json.Marshal(map[string]any{"a": a})
	for _, s := range []string{log.String(), string(encoded), fmt.Sprintf("%v %+v %#v %s %x", a, a, a, a, a)} {
		if strings.Contains(s, a.Pwd) || strings.Contains(s, "their-password") || !strings.Contains(s, a.Ufrag) {
			t.Error(s)
		}
	}
}

func TestUsername(t *testing.T) {
	good := binding(t, "local:remote", "pwd")
	if u, ok := Username(good); !ok || u != "local" {
		t.Error(u, ok)
	}
	for _, b := range [][]byte{nil, good[:19], good[:24], binding(t, "local", "pwd"), binding(t, ":remote", "pwd"), append([]byte{0x80}, good[1:]...), append([]byte{1}, good[1:]...)} {
		if u, ok := Username(b); ok {
			t.Errorf("%q of %x", u, b)
		}
	}
}

func TestNothingAllocatedPerCheck(t *testing.T) {
	a := agent(t)
	for name, b := range map[string][]byte{
		"good": binding(t, a.Ufrag+":their", a.Pwd, use), "wrong": binding(t, a.Ufrag+":their", "x", use),
	} {
		out := make([]byte, 0, 128)
		if n := testing.AllocsPerRun(200, func() { a.Packet(out, b, v4, noon) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func FuzzPacket(f *testing.F) {
	a := agent(f)
	f.Add(binding(f, a.Ufrag+":their", a.Pwd, use))
	f.Add(binding(f, a.Ufrag+":their", "", use))
	f.Fuzz(func(t *testing.T, b []byte) {
		Username(b)
		before := append([]byte(nil), b...)
		// No fuzzer finds a password, and a check must bear one to be answered at
		// more than its length.
		out, nominated := a.Packet(nil, b, v4, noon)
		if nominated && a.Selected() != v4 || len(out) > len(b) && !signedByUs(a, b) {
			t.Fatalf("%d octets to %d, nominated %t", len(out), len(b), nominated)
		}
		if !bytes.Equal(b, before) {
			t.Fatal("packet changed")
		}
		if len(out) > 0 {
			m := &stun.Message{Raw: out}
			if err := m.Decode(); err != nil {
				t.Fatal(err)
			}
			if err := stun.Fingerprint.Check(m); err != nil {
				t.Fatal(err)
			}
		}
		a.Restart() // each input meets credentials it cannot know
	})
}

func signedByUs(a *Agent, b []byte) bool {
	r := request{}
	return r.parse(b) && !r.malformed && (r.integrity|r.integritySHA256) != 0 && a.now.signed(b, &r)
}

func BenchmarkAnswer(b *testing.B) {
	a := agent(b)
	request, out := binding(b, a.Ufrag+":their", a.Pwd, use), make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		a.Packet(out, request, v4, noon)
	}
}

func BenchmarkRefuse(b *testing.B) {
	a := agent(b)
	request, out := binding(b, a.Ufrag+":their", "wrong", use), make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		a.Packet(out, request, v4, noon)
	}
}

func BenchmarkUsername(b *testing.B) {
	request := binding(b, "abcdefgh:their", "pwd", use)
	b.ReportAllocs()
	for b.Loop() {
		Username(request)
	}
}
