package secure

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
)

// text is n octets of 'A', 'B'... in base64.
func text(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return base64.StdEncoding.EncodeToString(b)
}

func TestParseKey(t *testing.T) {
	k30, k46, k28, k44 := text(30), text(46), text(28), text(44)
	for _, c := range []struct {
		suite, inline string
		profile       Profile
		mki           []byte
		others        int
	}{
		{"AES_CM_128_HMAC_SHA1_80", "inline:" + k30, "AES_CM_128_HMAC_SHA1_80", nil, 0},
		{"aes_cm_128_hmac_sha1_32", "INLINE:" + k30, "AES_CM_128_HMAC_SHA1_32", nil, 0},
		{"AES_CM_128_HMAC_SHA1_80", "inline:" + k30 + "|2^31", "AES_CM_128_HMAC_SHA1_80", nil, 0},
		{"AES_CM_128_HMAC_SHA1_80", "inline:" + k30 + "|2^48|1:4", "AES_CM_128_HMAC_SHA1_80", []byte{0, 0, 0, 1}, 0},
		{"AES_CM_128_HMAC_SHA1_80", "inline:" + k30 + "|1048576|1066:4", "AES_CM_128_HMAC_SHA1_80", []byte{0, 0, 4, 42}, 0},
		{"AES_CM_128_HMAC_SHA1_80", "inline:" + k30 + "|1:1", "AES_CM_128_HMAC_SHA1_80", []byte{1}, 0},
		{"AES_CM_128_HMAC_SHA1_80", "inline:" + k30 + "|", "AES_CM_128_HMAC_SHA1_80", nil, 0},
		{"AES_CM_128_HMAC_SHA1_80", "inline:" + k30 + "|2^20|1:4;inline:" + text(30) + "|2^20|2:4", "AES_CM_128_HMAC_SHA1_80", []byte{0, 0, 0, 1}, 1},
		{"AES_CM_128_HMAC_SHA1_80", "inline:" + k30 + " WSH=128 -FUTURE=1", "AES_CM_128_HMAC_SHA1_80", nil, 0},
		{"AES_256_CM_HMAC_SHA1_80", "inline:" + k46, "AES_256_CM_HMAC_SHA1_80", nil, 0},
		{"AES_256_CM_HMAC_SHA1_80", "inline:" + strings.TrimRight(k46, "="), "AES_256_CM_HMAC_SHA1_80", nil, 0},
		{"AES_CM_256_HMAC_SHA1_80", "inline:" + k46, "AES_256_CM_HMAC_SHA1_80", nil, 0},
		{"AES_CM_256_HMAC_SHA1_32", "inline:" + k46, "AES_256_CM_HMAC_SHA1_32", nil, 0},
		{"AEAD_AES_128_GCM", "inline:" + k28, "AEAD_AES_128_GCM", nil, 0},
		{"AEAD_AES_128_GCM", "inline:" + strings.TrimRight(k28, "=") + "|2^31", "AEAD_AES_128_GCM", nil, 0},
		{"AEAD_AES_256_GCM", "inline:" + k44, "AEAD_AES_256_GCM", nil, 0},
	} {
		k, err := ParseKey(c.suite, c.inline)
		if err != nil {
			t.Errorf("%s %s: %v", c.suite, c.inline, err)
			continue
		}
		if k.Profile != c.profile || !bytes.Equal(k.MKI, c.mki) || len(k.Others) != c.others || k.Master[1] != 7 {
			t.Errorf("%s %s: %s MKI %x, %d others", c.suite, c.inline, k.Profile, k.MKI, len(k.Others))
		}
		again, err := ParseKey(string(k.Profile), k.Inline())
		if err != nil || !again.Equal(k) {
			t.Errorf("%s does not come back: %v", c.inline, err)
		}
		if _, err := NewContext(k); err != nil {
			t.Error(err)
		}
	}
}

func TestParseKeyRefuses(t *testing.T) {
	good := "inline:" + text(30)
	for why, c := range map[string]struct {
		suite, inline string
		says          string
	}{
		"suite":            {"F8_128_HMAC_SHA1_80", good, "F8_128"},
		"no suite":         {"", good, "profile"},
		"192 bits":         {"AES_192_CM_HMAC_SHA1_80", good, "AES_192"},
		"empty":            {"AES_CM_128_HMAC_SHA1_80", "", "empty"},
		"method":           {"AES_CM_128_HMAC_SHA1_80", "prompt:" + text(30), "inline"},
		"no method":        {"AES_CM_128_HMAC_SHA1_80", text(30), "inline"},
		"short":            {"AES_CM_128_HMAC_SHA1_80", "inline:" + text(29), "30 octets"},
		"long":             {"AES_CM_128_HMAC_SHA1_80", "inline:" + text(46), "30 octets"},
		"other suite's":    {"AEAD_AES_256_GCM", good, "44 octets"},
		"base64":           {"AES_CM_128_HMAC_SHA1_80", "inline:!" + text(30)[1:], "base64"},
		"lifetime":         {"AES_CM_128_HMAC_SHA1_80", good + "|2^49", "lifetime"},
		"lifetime 0":       {"AES_CM_128_HMAC_SHA1_80", good + "|0", "lifetime"},
		"lifetime word":    {"AES_CM_128_HMAC_SHA1_80", good + "|soon", "lifetime"},
		"lifetime power":   {"AES_CM_128_HMAC_SHA1_80", good + "|2^-1", "lifetime"},
		"MKI length":       {"AES_CM_128_HMAC_SHA1_80", good + "|2^20|1:0", "MKI"},
		"MKI length 128":   {"AES_CM_128_HMAC_SHA1_80", good + "|2^20|1:128", "MKI"},
		"MKI value":        {"AES_CM_128_HMAC_SHA1_80", good + "|2^20|256:1", "MKI"},
		"MKI negative":     {"AES_CM_128_HMAC_SHA1_80", good + "|2^20|-1:1", "MKI"},
		"MKI nothing":      {"AES_CM_128_HMAC_SHA1_80", good + "|2^20|:4", "MKI"},
		"MKI alone":        {"AES_CM_128_HMAC_SHA1_80", good + "|2^20|7", "MKI"},
		"more":             {"AES_CM_128_HMAC_SHA1_80", good + "|2^20|1:4|x", "more"},
		"two without MKI":  {"AES_CM_128_HMAC_SHA1_80", good + ";" + good, "without MKI"},
		"one MKI for two":  {"AES_CM_128_HMAC_SHA1_80", good + "|1:4;" + good + "|1:4", "one MKI"},
		"MKIs of lengths":  {"AES_CM_128_HMAC_SHA1_80", good + "|1:4;" + good + "|2:2", "lengths"},
		"many":             {"AES_CM_128_HMAC_SHA1_80", strings.Repeat(good+"|1:4;", 20), "20 keys"},
		"endless":          {"AES_CM_128_HMAC_SHA1_80", strings.Repeat("x", 1<<20), "characters"},
		"KDR":              {"AES_CM_128_HMAC_SHA1_80", good + " KDR=16", "KDR"},
		"unencrypted":      {"AES_CM_128_HMAC_SHA1_80", good + " UNENCRYPTED_SRTP", "UNENCRYPTED_SRTP"},
		"unencrypted RTCP": {"AES_CM_128_HMAC_SHA1_80", good + " WSH=64 unencrypted_srtcp", "UNENCRYPTED_SRTCP"},
		"unauthenticated":  {"AES_CM_128_HMAC_SHA1_80", good + " UNAUTHENTICATED_SRTP", "UNAUTHENTICATED_SRTP"},
		"FEC":              {"AES_CM_128_HMAC_SHA1_80", good + " FEC_ORDER=FEC_SRTP", "FEC_ORDER"},
		"unknown":          {"AES_CM_128_HMAC_SHA1_80", good + " FUTURE=1", "FUTURE"},
	} {
		k, err := ParseKey(c.suite, c.inline)
		if err == nil || k.Master != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", why, err)
			continue
		}
		if !errors.Is(err, ErrKey) && !errors.Is(err, ErrProfile) {
			t.Errorf("%s: %v is neither", why, err)
		}
		if strings.Contains(err.Error(), text(30)[3:12]) || len(err.Error()) > 300 {
			t.Errorf("%s: the error quotes: %v", why, err)
		}
	}
}

func TestNewKey(t *testing.T) {
	for _, p := range allProfiles {
		a, err := NewKey(p)
		b, _ := NewKey(p)
		if err != nil || a.Equal(b) {
			t.Fatal(p, err)
		}
		back, err := ParseKey(string(p), a.Inline())
		if err != nil || !back.Equal(a) || !strings.HasPrefix(a.Inline(), "inline:") {
			t.Error(p, err)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, p := range allProfiles {
		k, _ := NewKey(p)
		f.Add(string(p), k.Inline())
		f.Add(string(p), k.Inline()+"|2^31|1:4;"+k.Inline()+"|2^31|2:4")
	}
	f.Fuzz(func(t *testing.T, suite, inline string) {
		k, err := ParseKey(suite, inline)
		if err != nil {
			return
		}
		if _, err := NewContext(k); err != nil {
			t.Fatal(err)
		}
		back, err := ParseKey(string(k.Profile), k.Inline())
		if err != nil || !back.Equal(k) {
			t.Fatalf("%s: %v", suite, err)
		}
	})
}

func FuzzUnprotect(f *testing.F) {
	for i, p := range allProfiles {
		out, _, _ := pair(f, p)
		for _, b := range [][]byte{rtpPacket(1, 5, 160), browserPacket(2, 5)} {
			b, _ = out.Protect(b)
			f.Add(uint8(i), b)
		}
		b, _ := out.ProtectRTCP(report(5))
		f.Add(uint8(i), b)
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		_, in, k := pair(t, allProfiles[int(which)%len(allProfiles)])
		k.MKI = []byte{1, 2}
		marked := opening(t, k)
		for _, c := range []*Context{in, marked} {
			if out, err := c.Unprotect(slices.Clone(b)); err == nil {
				t.Fatalf("opened %x without its key", out)
			}
			if out, err := c.UnprotectRTCP(slices.Clone(b)); err == nil {
				t.Fatalf("opened %x without its key", out)
			}
			// What is protected, hostile or not, must come back.
			room := append(make([]byte, 0, len(b)+64), b...)
			if sealed, err := c.Protect(room); err == nil {
				if opened, err := opening(t, keyOf(c, in, k)).Unprotect(sealed); err != nil || !slices.Equal(opened, b) {
					t.Fatalf("%x comes back as %x, %v", b, opened, err)
				}
			}
		}
	})
}

func keyOf(c, unmarked *Context, k Key) Key {
	if c == unmarked {
		k.MKI = nil
	}
	return k
}

// FuzzGate lets no datagram through that is not of whole records, nor keeps
// anything.
func FuzzGate(f *testing.F) {
	for _, g := range hostile() {
		f.Add(g, false)
	}
	f.Fuzz(func(t *testing.T, b []byte, active bool) {
		g := gate{active: active}
		if g.open(b) && (len(b) < recordHeader || len(b) > maxRecord || !g.begun && b[0] != typeAlert) {
			t.Fatalf("%x passed", b)
		}
		g.established = true
		g.open(b)
	})
}
