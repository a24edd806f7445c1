package media

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/media/sdp"
	"tandem/media/secure"
)

// callSDES sets a call up with SRTP toward a and plain RTP toward b.
func callSDES(t *testing.T, s *Server, a, b *phone, codecs ...string) *Session {
	t.Helper()
	key, err := secure.NewKey("AES_CM_128_HMAC_SHA1_80")
	if err != nil {
		t.Fatal(err)
	}
	a.key = key
	if a.out, err = secure.NewContext(key); err != nil {
		t.Fatal(err)
	}
	session, err := s.Open(t.Name(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	offer, err := session.Offer(A, a.sdp(fmt.Sprintf("a=crypto:1 %s %s", key.Profile, key.Inline())), Want{Security: SecurityNone, Codecs: codecs})
	if err != nil {
		t.Fatal(err)
	}
	b.use(offer)
	answer, err := session.Answer(B, b.sdp(), Want{})
	if err != nil {
		t.Fatal(err)
	}
	m := a.use(answer)
	if len(m.Crypto) != 1 {
		t.Fatalf("the answer has %d keys:\n%s", len(m.Crypto), answer)
	}
	theirs, err := secure.ParseKey(m.Crypto[0].Suite, m.Crypto[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	if a.in, err = secure.NewContext(theirs); err != nil {
		t.Fatal(err)
	}
	return session
}

func TestProtectedToPlain(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcma, 1000)
		session := callSDES(t, s, a, b, "PCMA")
		converse(t, 2*time.Second, a, b)
		a.hears(1000)
		b.hears(440)
		if r := session.Report().Streams[0].Sides[A]; r.Security != SecuritySDES || r.Refused > 0 {
			t.Errorf("side A: %s, %d packets refused", r.Security, r.Refused)
		}
	})
}

// A hold that keeps the key goes on with the same counters; a new key replaces
// the old, and with it nothing is heard any more.
func TestHoldKeepsKeysAndRekeyReplacesThem(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session := callSDES(t, s, a, b)
		w := session.bridge.Way(0, A)
		in, out := w.Contexts()
		kept := a.key
		offer := func(version string, key secure.Key, extra ...string) *sdp.Media {
			t.Helper()
			text := a.sdp(append(extra, fmt.Sprintf("a=crypto:1 %s %s", key.Profile, key.Inline()))...)
			text = []byte(strings.Replace(string(text), "phone 1 1", "phone 1 "+version, 1))
			toB, err := session.Offer(A, text, Want{Security: SecurityNone})
			if err != nil {
				t.Fatal(err)
			}
			b.use(toB)
			answer, err := session.Answer(B, []byte(strings.Replace(string(b.sdp()), "phone 1 1", "phone 1 "+version, 1)), Want{})
			if err != nil {
				t.Fatal(err)
			}
			return a.use(answer)
		}
		offer("2", kept, "a=sendonly")
		offer("3", kept)
		if i, o := w.Contexts(); i != in || o != out {
			t.Error("a hold with the same key began new contexts")
		}
		fresh, err := secure.NewKey(kept.Profile)
		if err != nil {
			t.Fatal(err)
		}
		offer("4", fresh)
		if i, o := w.Contexts(); i == in || o != out {
			t.Error("a new key of theirs must replace the context of what they send, and that alone")
		}
		if a.out, err = secure.NewContext(fresh); err != nil {
			t.Fatal(err)
		}
		converse(t, time.Second, a, b)
		a.hears(1000)
		b.hears(440)
	})
}
