package auth

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"time"

	"tandem/rtc"
)

// Known reports whether a message comes from an address and port whose sender has
// proved its identity within the last days, or carries a nonce that was given to its
// sender. Such messages are served first under overload. Known parses as little of the
// message as possible, because it is called for each message of a flood.
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

// Remember counts a sender among the known ones, and its address as one where user has
// proved his identity. It is for phones whose bindings were restored at the start:
// otherwise guesses at a user's password would shut out his phones after a restart.
func (g *Gate) Remember(from netip.AddrPort, user rtc.AOR) {
	now := time.Now()
	g.knows(from, now)
	g.throttle.remember(&attempt{place(from.Addr()), from.Port(), []byte(user.User()), []byte(user.Domain())}, now)
}

// knows adds a sender to the known ones.
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
