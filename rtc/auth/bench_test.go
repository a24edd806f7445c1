package auth

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/icholy/digest"

	"tandem/rtc/sip"
)

// BenchmarkRegister is what the gate does to the two halves of a registration:
// the challenge, and the verification of answers whose nonce count goes on.
func BenchmarkRegister(b *testing.B) {
	f := newFixture(b, nil)
	r := register("alice")
	f.send(r)
	plain := f.last
	b.Run("challenge", func(b *testing.B) {
		w := f.newWork()
		b.ReportAllocs()
		for b.Loop() {
			v := f.decide(plain, sender{}, f.now, w)
			if v.act != actAsk {
				b.Fatal(v)
			}
			w.header = f.appendChallenge(w.header[:0], v.realm, v.proxy, v.stale, place(plain.Source.Addr()), f.now)
		}
	})
	for _, algorithm := range []Algorithm{MD5, SHA256, SHA512256} {
		b.Run("verify/"+algorithm.String(), func(b *testing.B) { benchmarkVerify(b, algorithm) })
	}
}

func benchmarkVerify(b *testing.B, algorithm Algorithm) {
	f := newFixture(b, func(c *Config) { c.Offer, c.Nonces = []Algorithm{algorithm}, 64*64 })
	r := register("alice")
	const window = 64
	var messages [window]*sip.Message
	// Each message has its own nonce; the small memory forgets none of them
	// within the round, and a retransmission is as much work as a new request.
	for i := range messages {
		c := f.challenge(f.send(r))[algorithm.String()]
		messages[i] = new(sip.Message)
		line := f.answer(r, c, "alice", password, func(_ *digest.Challenge, o *digest.Options) { o.Count = 1 })
		if err := messages[i].Parse([]byte(r.with(line).String())); err != nil {
			b.Fatal(err)
		}
		messages[i].Source = netip.MustParseAddrPort(f.from)
	}
	w := f.newWork()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if v := f.decide(messages[n%window], sender{}, f.now, w); v.identity == nil {
			b.Fatal(v)
		}
		n++
	}
}

func BenchmarkThrottleWithBans(b *testing.B) {
	th := newThrottle(Limits{})
	for i := range 1000 {
		failTimes(th, 1, office, fmt.Sprint(i), begin)
	}
	name, realm := []byte("alice"), []byte("example.com")
	b.ReportAllocs()
	for b.Loop() {
		a := attempt{addr: office, user: name, realm: realm}
		th.blocked(&a, begin)
		th.succeeded(&a, begin)
	}
}
