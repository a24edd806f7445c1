package secure

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/pion/srtp/v3"
)

var allProfiles = append([]Profile{"AES_256_CM_HMAC_SHA1_32"}, Profiles...)

func rtpPacket(seq uint16, ssrc uint32, payload int) []byte {
	b := make([]byte, 12, 12+payload+64)
	b[0], b[1] = 0x80, 0
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], uint32(seq)*160)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	for i := range payload {
		b = append(b, byte(i)+byte(seq))
	}
	return b
}

// browserPacket has what browsers send: CSRCs, a one-byte extension.
func browserPacket(seq uint16, ssrc uint32) []byte {
	b := rtpPacket(seq, ssrc, 0)
	b[0] |= 0x12
	b = append(b, 0, 0, 0, 1, 0, 0, 0, 2)
	b = append(b, 0xBE, 0xDE, 0, 2, 0x10, 0xAA, 0x32, 1, 2, 3, 0, 0)
	return append(b, "opus payload of some length"...)
}

func report(ssrc uint32) []byte {
	b := make([]byte, 0, 128)
	b = append(b, 0x80, 200, 0, 6)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	return append(b, bytes.Repeat([]byte{7}, 20)...)
}

func room(b []byte) []byte { return append(make([]byte, 0, len(b)+64), b...) }

func pair(t testing.TB, p Profile) (out, in *Context, k Key) {
	t.Helper()
	k, err := NewKey(p)
	if err != nil {
		t.Fatal(err)
	}
	return opening(t, k), opening(t, k), k
}

func opening(t testing.TB, k Key) *Context {
	t.Helper()
	c, err := NewContext(k)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Both directions against the library as others use it.
func TestContextAgainstTheLibrary(t *testing.T) {
	for _, p := range allProfiles {
		out, in, k := pair(t, p)
		s, _ := p.shape()
		theirs, err := srtp.CreateContext(k.Master[:s.key], k.Master[s.key:], s.pion)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := srtp.CreateContext(k.Master[:s.key], k.Master[s.key:], s.pion)
		if err != nil {
			t.Fatal(err)
		}
		for _, plain := range [][]byte{rtpPacket(1, 5, 160), browserPacket(2, 5), rtpPacket(3, 5, 0)} {
			sealed, err := out.Protect(room(plain))
			if err != nil {
				t.Fatal(p, err)
			}
			if got, err := theirs.DecryptRTP(nil, sealed, nil); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s: they read %x, %v", p, got, err)
			}
			sealed, err = ours.EncryptRTP(nil, plain, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := in.Unprotect(sealed); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s: we read %x, %v", p, got, err)
			}
		}
		sealed, err := out.ProtectRTCP(room(report(5)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := theirs.DecryptRTCP(nil, sealed, nil); err != nil || !bytes.Equal(got, report(5)) {
			t.Errorf("%s RTCP: they read %x, %v", p, got, err)
		}
		sealed, _ = ours.EncryptRTCP(nil, report(5), nil)
		if got, err := in.UnprotectRTCP(sealed); err != nil || !bytes.Equal(got, report(5)) {
			t.Errorf("%s RTCP: we read %x, %v", p, got, err)
		}
	}
}

func TestInPlace(t *testing.T) {
	for _, p := range allProfiles {
		out, in, _ := pair(t, p)
		b := rtpPacket(9, 1, 160)
		sealed, err := out.Protect(b)
		if err != nil || &sealed[0] != &b[0] || bytes.Equal(sealed[12:60], rtpPacket(9, 1, 160)[12:60]) {
			t.Fatal(p, "not protected in place", err)
		}
		opened, err := in.Unprotect(sealed)
		if err != nil || &opened[0] != &b[0] || !bytes.Equal(opened, rtpPacket(9, 1, 160)) {
			t.Fatal(p, "not opened in place", err)
		}
	}
}

func TestErrorsTellApart(t *testing.T) {
	for _, p := range allProfiles {
		out, in, _ := pair(t, p)
		stranger, _, _ := pair(t, p)
		one, _ := out.Protect(rtpPacket(1, 1, 160))
		good := room(one)
		if _, err := in.Unprotect(room(good)); err != nil {
			t.Fatal(err)
		}
		if _, err := in.Unprotect(room(good)); err != ErrReplay {
			t.Errorf("%s replay: %v", p, err)
		}
		foreign, _ := stranger.Protect(rtpPacket(2, 1, 160))
		if _, err := in.Unprotect(foreign); err != ErrWrongKey {
			t.Errorf("%s wrong key: %v", p, err)
		}
		two, _ := out.Protect(rtpPacket(2, 1, 160))
		two[40] ^= 1
		if _, err := in.Unprotect(two); err != ErrWrongKey {
			t.Errorf("%s altered: %v", p, err)
		}
		for n := range 12 {
			if _, err := in.Unprotect(good[:n]); err != ErrShort {
				t.Errorf("%s short: %v", p, err)
			}
		}
		if _, err := in.Unprotect(rtpPacket(3, 1, 3)); err != ErrShort {
			t.Errorf("%s without room for a tag: %v", p, err)
		}
		if _, err := out.Protect([]byte{0x80}); err != ErrShort {
			t.Errorf("%s: %v", p, err)
		}
		sr, _ := out.ProtectRTCP(report(1))
		good = room(sr)
		if _, err := in.UnprotectRTCP(room(good)); err != nil {
			t.Fatal(err)
		}
		if _, err := in.UnprotectRTCP(room(good)); err != ErrReplay {
			t.Errorf("%s RTCP replay: %v", p, err)
		}
		_, _ = stranger.ProtectRTCP(report(1))
		sr, _ = stranger.ProtectRTCP(report(1)) // of an index not seen
		if _, err := in.UnprotectRTCP(sr); err != ErrWrongKey {
			t.Errorf("%s RTCP wrong key: %v", p, err)
		}
		if _, err := in.UnprotectRTCP(good[:15]); err != ErrShort {
			t.Errorf("%s RTCP short: %v", p, err)
		}
	}
}

func TestReplayWindow(t *testing.T) {
	out, in, _ := pair(t, Profiles[0])
	var sealed [1200][]byte
	for i := range sealed {
		b, err := out.Protect(rtpPacket(uint16(65000+i), 1, 20)) // wraps within
		if err != nil {
			t.Fatal(err)
		}
		sealed[i] = b
	}
	open := func(i int) error { _, err := in.Unprotect(room(sealed[i])); return err }
	for _, step := range []struct {
		i    int
		want error
	}{{500, nil}, {700, nil}, {600, nil}, {600, ErrReplay}, {699, nil}, {230, nil}, {1199, nil}, {700, ErrReplay}, {601, ErrReplay}, {1100, nil}, {800, nil}, {800, ErrReplay}} {
		if err := open(step.i); err != step.want {
			t.Errorf("packet %d: %v, want %v", step.i, err, step.want)
		}
	}
}

// A sequence number is never used twice under a key.
func TestProtectOnce(t *testing.T) {
	out, _, _ := pair(t, Profiles[0])
	for _, step := range []struct {
		seq  uint16
		want error
	}{
		{5, nil}, {5, ErrReplay}, {3, nil}, {3, ErrReplay}, {65533, ErrReplay}, {6, nil}, {600, nil}, {6, ErrReplay}, {7, ErrReplay},
		{599, nil}, {33000, nil}, {65530, nil}, {2, nil}, {65535, nil}, {65535, ErrReplay}, {1, nil}, {0, nil}, {2, ErrReplay}, {514, nil}, {1, ErrReplay}, {2, ErrReplay}, {3, nil},
	} {
		if _, err := out.Protect(rtpPacket(step.seq, 1, 20)); err != step.want {
			t.Errorf("%d: %v, want %v", step.seq, err, step.want)
		}
	}
}

// The roll-over counter outlives holds of any length and re-INVITEs, as long as
// the Context does; a new Context past the first wrap hears nothing.
func TestRollOverAcrossHold(t *testing.T) {
	out, in, k := pair(t, "AES_CM_128_HMAC_SHA1_80")
	seq := uint16(65000)
	step := func(in *Context, n int) (err error) {
		for range n {
			b, e := out.Protect(rtpPacket(seq, 1, 20))
			if e != nil {
				t.Fatal(e)
			}
			_, err = in.Unprotect(b)
			seq++
		}
		return err
	}
	if err := step(in, 2000); err != nil {
		t.Fatal(err)
	}
	again, err := ParseKey(string(k.Profile), k.Inline()) // the re-INVITE's a=crypto
	if err != nil || !again.Equal(k) {
		t.Fatal("an unchanged key is not seen as such", err)
	}
	seq += 3000 // what the far side sent elsewhere meanwhile
	if err := step(in, 70000); err != nil {
		t.Fatal("after hold", err)
	}
	if err := step(opening(t, k), 1); err != ErrWrongKey {
		t.Errorf("a fresh context cannot know the counter: %v", err)
	}
	next, _ := NewKey(k.Profile)
	if next.Equal(k) {
		t.Error("two random keys alike")
	}
	out, in = opening(t, next), opening(t, next)
	if err := step(in, 10); err != nil {
		t.Error("rekeyed", err)
	}
}

func TestManySources(t *testing.T) {
	out, in, _ := pair(t, Profiles[1])
	for i := range uint32(maxSources) {
		b, err := out.Protect(rtpPacket(1, i, 20))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Unprotect(b); err != nil {
			t.Fatal(err)
		}
		c, err := out.ProtectRTCP(report(i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.UnprotectRTCP(c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := out.Protect(rtpPacket(1, 1<<20, 20)); err != ErrSources {
		t.Error(err)
	}
	if _, err := in.Unprotect(rtpPacket(1, 1<<20, 40)); err != ErrSources {
		t.Error(err)
	}
	if _, err := out.ProtectRTCP(report(1 << 20)); err != ErrSources {
		t.Error(err)
	}
	if _, err := in.UnprotectRTCP(append(report(1<<20), report(1)...)); err != ErrSources {
		t.Error(err)
	}
	if b, err := out.Protect(rtpPacket(2, 77, 20)); err != nil {
		t.Error("a known source is refused", err)
	} else if _, err := in.Unprotect(b); err != nil {
		t.Error(err)
	}
}

// A flood of forged SSRCs leaves nothing behind.
func TestForgedSourcesAreNotKept(t *testing.T) {
	out, in, _ := pair(t, Profiles[1])
	for i := range uint32(5 * maxSources) {
		if _, err := in.Unprotect(rtpPacket(1, i, 60)); err != ErrWrongKey {
			t.Fatal(err)
		}
	}
	b, _ := out.Protect(rtpPacket(1, 3, 20))
	if _, err := in.Unprotect(b); err != nil {
		t.Error(err)
	}
	if len(in.known) != 1 {
		t.Error(len(in.known), "sources kept")
	}
}

func TestMKI(t *testing.T) {
	one, _ := NewKey(Profiles[3])
	two, _ := NewKey(Profiles[3])
	one.MKI, two.MKI = []byte{0, 0, 0, 1}, []byte{0, 0, 0, 2}
	both := one
	both.Others = []Key{two}
	in := opening(t, both)
	for i, k := range []Key{one, two} {
		b, err := opening(t, k).Protect(rtpPacket(uint16(i), 1, 20))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Unprotect(b); err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}
	two.MKI = []byte{0, 0, 0, 9}
	b, _ := opening(t, two).Protect(rtpPacket(5, 1, 20))
	if _, err := in.Unprotect(b); err != ErrMKI {
		t.Error(err)
	}
}

func TestKeySpent(t *testing.T) {
	out, _, _ := pair(t, Profiles[0])
	out.srtp.SetIndex(1, 1<<31-1)
	if _, err := out.ProtectRTCP(report(1)); err != ErrKeySpent {
		t.Error(err)
	}
}

func TestNothingAllocatedPerPacket(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	for _, p := range allProfiles {
		out, in, _ := pair(t, p)
		var seq uint16
		buf, plain := make([]byte, 0, 512), browserPacket(0, 5)
		rtp := func() {
			seq++
			b := append(buf[:0], plain...)
			binary.BigEndian.PutUint16(b[2:], seq)
			b, err := out.Protect(b)
			if err == nil {
				_, err = in.Unprotect(b)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		rtp()
		if n := testing.AllocsPerRun(500, rtp); n != 0 {
			t.Errorf("%s: %v allocations a packet", p, n)
		}
		sr := report(5)
		rtcp := func() {
			b, err := out.ProtectRTCP(append(buf[:0], sr...))
			if err == nil {
				_, err = in.UnprotectRTCP(b)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		rtcp()
		if n := testing.AllocsPerRun(500, rtcp); n != 0 {
			t.Errorf("%s: %v allocations a report", p, n)
		}
	}
}

func TestKeysAreNotShown(t *testing.T) {
	k, _ := NewKey(Profiles[4])
	ctx := opening(t, k)
	secrets := []string{hex.EncodeToString(k.Master[:6]), strings.ToUpper(hex.EncodeToString(k.Master[:6])), k.Inline()[7:20], fmt.Sprint(k.Master[:6])[1:10], string(k.Master[:6])}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("m", "k", k, "p", &k, "all", []Key{k}, "c", ctx)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("m", "k", k, "in", struct{ K Key }{k})
	encoded, _ := json.Marshal(map[string]any{"k": k, "p": &k})
	shown := []string{logged.String(), string(encoded), k.String(), k.GoString()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		shown = append(shown, fmt.Sprintf(verb, k), fmt.Sprintf(verb, &k), fmt.Sprintf(verb, struct{ K Key }{k}), fmt.Sprintf(verb, ctx))
	}
	_, err := ParseKey(string(k.Profile), k.Inline()+"!")
	shown = append(shown, err.Error())
	_, err = ParseKey("AEAD_AES_256_GCM", k.Inline())
	shown = append(shown, err.Error())
	for _, s := range shown {
		for _, secret := range secrets {
			if strings.Contains(s, secret) {
				t.Errorf("shows the key: %s", s)
			}
		}
	}
}

func TestBadKeys(t *testing.T) {
	for _, k := range []Key{{}, {Profile: "X"}, {Profile: Profiles[0], Master: make([]byte, 30)}, {Profile: Profiles[3], Master: make([]byte, 30), MKI: make([]byte, 200)}} {
		if _, err := NewContext(k); !errors.Is(err, ErrKey) && !errors.Is(err, ErrProfile) {
			t.Errorf("%v: %v", k, err)
		}
	}
	if _, err := NewKey("F8_128_HMAC_SHA1_80"); !errors.Is(err, ErrProfile) {
		t.Error(err)
	}
}

func BenchmarkProtect(b *testing.B) {
	for _, p := range allProfiles {
		b.Run(string(p), func(b *testing.B) {
			out, _, _ := pair(b, p)
			buf, plain, seq := make([]byte, 0, 512), rtpPacket(0, 1, 160), uint16(0)
			b.ReportAllocs()
			for b.Loop() {
				seq++
				p := append(buf, plain...)
				binary.BigEndian.PutUint16(p[2:], seq)
				if _, err := out.Protect(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUnprotect(b *testing.B) {
	for _, p := range allProfiles {
		b.Run(string(p), func(b *testing.B) {
			out, in, k := pair(b, p)
			var sealed [2048][]byte
			for i := range sealed {
				sealed[i], _ = out.Protect(rtpPacket(uint16(i), 1, 160))
			}
			buf, n := make([]byte, 0, 512), 0
			b.ReportAllocs()
			for b.Loop() {
				if n == len(sealed) {
					b.StopTimer()
					in, n = opening(b, k), 0
					b.StartTimer()
				}
				if _, err := in.Unprotect(append(buf, sealed[n]...)); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}
