package auth

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"time"

	"tandem/rtc"
)

// Known reports whether a message comes from where somebody has proved who he is
// within the last days, or carries a nonce that was given to its sender: who is
// served first while more comes in than can be. It reads as little of the message
// as it must, since it is asked of each message of a flood.
func (g *Gate) Known(from netip.AddrPort, message []byte) bool {
	return g.known(from, message, time.Now)
}

func (g *Gate) known(from netip.AddrPort, message []byte, now func() time.Time) bool {
	hash := g.spot(from)
	if g.senders.bucket(hash).has(hash, uint8(g.today.Load())) {
		return true
	}
	rest := message
	for range maxAnswers {
		_, after, ok := bytes.Cut(rest, nonceParam)
		if !ok {
			return false
		}
		rest = after
		if len(rest) > nonceLen && rest[nonceLen] == '"' {
			if _, ok := g.nonces.check(rest[:nonceLen], place(from.Addr()), now(), g.cfg.NonceLife); ok {
				return true
			}
		}
	}
	return false
}

var nonceParam = []byte(`nonce="`)

// Remember counts a sender among the known ones, and as a place where user has proved
// who he is: a phone whose binding was restored. Otherwise guesses for a user would
// shut out his phones once the server has been started anew.
func (g *Gate) Remember(from netip.AddrPort, user rtc.AOR) {
	now := time.Now()
	g.knows(from, now)
	g.throttle.remember(&attempt{place(from.Addr()), from.Port(), []byte(user.User()), []byte(user.Domain())}, now)
}

// knows counts a sender among the known ones.
func (g *Gate) knows(from netip.AddrPort, now time.Time) {
	hash, today := g.spot(from), day(now)
	g.today.Store(uint32(today))
	g.senders.bucket(hash).add(hash, today)
	if g.cfg.Proved != nil {
		g.cfg.Proved(from.Addr(), now)
	}
}

func (g *Gate) spot(from netip.AddrPort) uint64 {
	from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	return maphash.Comparable(g.throttle.seed, from)
}
