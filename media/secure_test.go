package media

import (
	"fmt"
	"testing"
	"time"

	"tandem/media/secure"
)

// callSDES sets a call up with SRTP toward a and plain RTP toward b.
func callSDES(t *testing.T, s *Server, a, b *phone, codecs ...string) *Session {
	t.Helper()
	key, err := secure.NewKey("AES_CM_128_HMAC_SHA1_80")
	if err != nil {
		t.Fatal(err)
	}
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
	s := start(t)
	a, b := newPhone(t, pcmu, 440), newPhone(t, pcma, 1000)
	session := callSDES(t, s, a, b, "PCMA")
	converse(t, 2*time.Second, a, b)
	a.hears(1000)
	b.hears(440)
	if r := session.Report().Streams[0].Sides[A]; r.Security != SecuritySDES || r.Refused > 0 {
		t.Errorf("side A: %s, %d packets refused", r.Security, r.Refused)
	}
}
