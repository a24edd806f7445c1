package media

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/media/bridge"
	"tandem/media/sdp"
	"tandem/media/secure"
)

// A phone that offers its audio twice, protected and not, is answered on the
// protected one if that can be taken; the other side sees one m-line.
func TestProtectedAndPlainAreOneChoice(t *testing.T) {
	s := start(t)
	good, _ := crypto(t, 1)
	bad := fmt.Sprintf(key80, 1, "c2hvcnQ=")
	line := func(proto, key string) string {
		text := "m=audio 6000 " + proto + " 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
		if key != "" {
			text += key + "\r\n"
		}
		return text
	}
	for name, c := range map[string]struct {
		lines string
		taken int
		want  Want
	}{
		"protected first":         {line("RTP/SAVP", good) + line("RTP/AVP", ""), 0, Want{}},
		"plain first":             {line("RTP/AVP", "") + line("RTP/SAVP", good), 1, Want{}},
		"toward plain":            {line("RTP/SAVP", good) + line("RTP/AVP", ""), 0, Want{Security: SecurityNone}},
		"keys beside the plain":   {line("RTP/SAVP", good) + line("RTP/AVP", good), 0, Want{Security: SecurityNone}},
		"by fingerprint":          {line("UDP/TLS/RTP/SAVP", someFingerprint) + line("RTP/AVP", ""), 0, Want{Security: SecurityNone}},
		"protected by a bad key":  {line("RTP/SAVP", bad) + line("RTP/AVP", ""), 1, Want{}},
		"protected by no key":     {line("RTP/AVP", "") + line("RTP/SAVP", ""), 0, Want{}},
		"with another that is on": {line("RTP/SAVP", good) + line("RTP/AVP", "") + "m=video 0 RTP/AVP 96\r\n", 0, Want{}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newPhone(t, pcmu, 1000)
			session, _ := open(t, s)
			exchange := func(version string) (offer, answer *sdp.Description) {
				t.Helper()
				text, err := session.Offer(A, []byte("v=0\r\no=phone 1 "+version+" IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+c.lines), c.want)
				if err != nil {
					t.Fatal(err)
				}
				offer = read(t, text)
				from := "m=audio "
				back := strings.Split(string(b.sdp()), from)[0]
				for _, m := range offer.Media {
					port, keys := 0, ""
					if m.Port != 0 {
						port = int(b.addr().Port())
						if len(m.Crypto) > 0 {
							keys = good + "\r\n"
						}
					}
					back += fmt.Sprint(from, port, " ", m.Proto, " 0\r\n", keys)
				}
				if text, err = session.Answer(B, []byte(strings.Replace(back, "phone 1 1", "phone 1 "+version, 1)), Want{}); err != nil {
					t.Fatal(err)
				}
				return offer, read(t, text)
			}
			for _, version := range []string{"1", "2"} {
				offer, answer := exchange(version)
				on := 0
				for _, m := range offer.Media {
					if m.Port != 0 {
						on++
					}
				}
				if on != 1 || len(offer.Media) != c.taken+1 {
					t.Errorf("offered on with %d m-lines, %d of them on", len(offer.Media), on)
				}
				for i, m := range answer.Media {
					if (m.Port != 0) != (i == c.taken) {
						t.Errorf("m-line %d %s is answered with port %d", i, m.Proto, m.Port)
					}
				}
			}
		})
	}
	// What is protected stays so, whatever comes of the key in a later offer.
	b := newPhone(t, pcmu, 1000)
	session, _ := open(t, s)
	first := "v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" + line("RTP/SAVP", good) + line("RTP/AVP", "")
	if _, err := session.Offer(A, []byte(first), Want{Security: SecurityNone}); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Answer(B, b.sdp(), Want{}); err != nil {
		t.Fatal(err)
	}
	again := strings.NewReplacer("phone 1 1", "phone 1 2", good, bad).Replace(first)
	if _, err := session.Offer(A, []byte(again), Want{Security: SecurityNone}); err != nil {
		return // refused before anybody is asked
	}
	_, err := session.Answer(B, version(b.sdp(), 2), Want{})
	refusal(t, "a bad key in place of a good one", err)
}

// Suites that are not wanted are neither offered nor taken.
func TestSuites(t *testing.T) {
	s := start(t)
	const short = "AES_CM_128_HMAC_SHA1_32"
	for name, c := range map[string]struct {
		want    Want
		offered string // "" it cannot be
	}{
		"all":               {Want{Security: SecuritySDES}, "AEAD_AES_256_GCM AEAD_AES_128_GCM AES_256_CM_HMAC_SHA1_80 " + string(secure.Mandatory) + " " + short},
		"one":               {Want{Security: SecuritySDES, Suites: []string{"aes_cm_128_hmac_sha1_32", "unknown"}}, short},
		"some less":         {Want{Security: SecuritySDES, NoSuites: []string{"AEAD_AES_256_GCM", "AES_CM_256_HMAC_SHA1_80", "AEAD_AES_128_GCM"}}, string(secure.Mandatory) + " " + short},
		"none":              {Want{Security: SecuritySDES, Suites: []string{short}, NoSuites: []string{short}}, ""},
		"optional":          {Want{Security: SecurityOptional}, string(secure.Mandatory)},
		"optional, another": {Want{Security: SecurityOptional, Suites: []string{short}}, short},
		"plain":             {Want{Security: SecurityNone, Suites: []string{"unknown"}}, "-"},
	} {
		a := newPhone(t, pcmu, 440)
		session, err := s.Open(name, Options{})
		if err != nil {
			t.Fatal(err)
		}
		text, err := session.Offer(A, a.sdp(), c.want)
		if err != nil {
			if c.offered != "" {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		list := []string{}
		for _, k := range read(t, text).Media[0].Crypto {
			list = append(list, k.Suite)
		}
		if got := strings.Join(list, " "); got != strings.Trim(c.offered, "-") {
			t.Errorf("%s: offered are %s", name, got)
		}
	}
	long, k1 := crypto(t, 1)
	k2, err := secure.NewKey(short)
	if err != nil {
		t.Fatal(err)
	}
	a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
	if a.out, err = secure.NewContext(k1); err != nil {
		t.Fatal(err)
	}
	session, _ := open(t, s)
	if _, err := session.Offer(A, a.sdp(long, fmt.Sprintf("a=crypto:2 %s %s", short, k2.Inline())), Want{Security: SecurityNone}); err != nil {
		t.Fatal(err)
	}
	answer, err := session.Answer(B, b.sdp(), Want{NoSuites: []string{string(secure.Mandatory)}})
	if err != nil {
		t.Fatal(err)
	}
	if m := read(t, answer).Media[0]; len(m.Crypto) != 1 || m.Crypto[0].Suite != short || m.Crypto[0].Tag != 2 {
		t.Errorf("answered\n%s", answer)
	}
}

// An offer of our own, as into a call that begins anew without one, may be answered
// by another party: it has keys nobody knows yet. One that is passed on keeps those
// that are in use.
func TestOurOwnOfferHasFreshKeys(t *testing.T) {
	s := start(t)
	a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
	session := callSDES(t, s, a, b)
	w := session.bridge.Way(0, A)
	_, before := w.Contexts()
	keys, err := w.Keys()
	if err != nil {
		t.Fatal(err)
	}
	offered := func(text []byte, err error) secure.Key {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range read(t, text).Media[0].Crypto {
			if c.Suite == string(secure.Mandatory) {
				k, err := secure.ParseKey(c.Suite, c.Key)
				if err != nil {
					t.Fatal(err)
				}
				return k
			}
		}
		t.Fatalf("no key in\n%s", text)
		return secure.Key{}
	}
	passed := offered(session.Offer(B, version(b.sdp(), 2), Want{}))
	if !has(keys, passed) {
		t.Error("an offer of the other side's changes our key")
	}
	line, _ := crypto(t, 4)
	if _, err := session.Answer(A, version(a.sdp(line), 2), Want{}); err != nil {
		t.Fatal(err)
	}
	late := offered(session.MakeOffer(A, Want{}))
	if has(keys, late) {
		t.Error("a late offer has the key of before")
	}
	if _, out := w.Contexts(); out != before {
		t.Error("the key counts before it is agreed to")
	}
	other := strings.Replace(string(a.sdp(line)), "phone 1 1", "other 1 1", 1)
	if err := session.TakeAnswer(A, []byte(other)); err != nil {
		t.Fatal(err)
	}
	if _, out := w.Contexts(); out == before {
		t.Error("the new key is not used")
	}
}

func has(keys []secure.Key, k secure.Key) bool { return slices.ContainsFunc(keys, k.Equal) }

// A branch that answers later has the key of the offer as the first had, but
// neither its stream nor its counters.
func TestSecondBranchIsHeard(t *testing.T) {
	s := start(t)
	a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
	session, _ := open(t, s)
	offer, err := session.Offer(A, a.sdp(), Want{Security: SecuritySDES})
	if err != nil {
		t.Fatal(err)
	}
	var ours string
	for _, c := range read(t, offer).Media[0].Crypto {
		if c.Suite == string(secure.Mandatory) {
			ours = c.Key
		}
	}
	key, err := secure.ParseKey(string(secure.Mandatory), ours)
	if err != nil {
		t.Fatal(err)
	}
	line, k := crypto(t, 4)
	if b.out, err = secure.NewContext(k); err != nil {
		t.Fatal(err)
	}
	answer := func(origin string) {
		t.Helper()
		if err := session.TakeAnswer(B, []byte(strings.Replace(string(b.sdp(line)), "phone 1 1", origin, 1))); err != nil {
			t.Fatal(err)
		}
	}
	var w *bridge.Way
	seq := uint16(65530)
	heard := func(in *secure.Context) (good, bad int) {
		t.Helper()
		for range 20 {
			w.Receive(w.Socket(), append(make([]byte, 0, 300), forged(seq, 7)...), a.addr(), time.Now())
			seq++
		}
		return b.opened(t, in)
	}
	context := func() *secure.Context {
		in, err := secure.NewContext(key)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	answer("phone 1 1")
	if _, err := session.MakeAnswer(A, Want{}); err != nil {
		t.Fatal(err)
	}
	w = session.bridge.Way(0, A)
	first := context()
	if good, bad := heard(first); good != 20 || bad != 0 { // over the end of the numbers
		t.Fatalf("the first branch understands %d packets of 20", good)
	}
	stream := b.source
	answer("phone 1 2") // its 200
	if good, _ := heard(first); good != 20 || b.source != stream {
		t.Errorf("after another answer the same branch understands %d packets of 20", good)
	}
	answer("other 1 1")
	if good, bad := heard(context()); good != 20 || bad != 0 {
		t.Errorf("the second branch understands %d packets of 20", good)
	}
	if b.source == stream {
		t.Error("both branches have one stream under one key")
	}
}
