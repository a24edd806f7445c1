package auth

import (
	"hash/maphash"
	"net/netip"
	"time"

	"tandem/rtc/directory"
	"tandem/rtc/sip"
)

// maxAnswers limits how many credentials of one request are verified: some phones also
// send those for the previous nonce.
const maxAnswers = 4

// result is what credentials prove. When a request carries several, the higher value
// wins.
type result uint8

const (
	proofNone      result = iota // no credentials for a realm of ours
	proofOther                   // made with an algorithm that we do not accept: ask again
	proofMalformed               // cannot be parsed
	proofWrong                   // unknown user or wrong password
	proofBlocked                 // not verified: too many failures before
	proofEarly                   // not verified yet: attempts for that user are slowed down
	proofStale                   // made with a nonce that is not valid any more
	proofDisabled                // correct, but the user is disabled
	proofGood
)

// proof is what the credentials of a request prove.
type proof struct {
	result  result
	account *directory.Account
	secret  *directory.Secret
	user    []byte // as claimed, with realm
	realm   []byte
	reason  string
	retry   time.Duration
}

// verify checks the credentials of a request.
func (g *Gate) verify(m *sip.Message, where netip.Addr, now time.Time, w *work) proof {
	var best proof
	a := &w.answer
	all := answers{m: m, a: a, which: fields}
	for n := 0; n < maxAnswers && all.next(); {
		if a.realm != nil && g.realmOf(a.realm) == nil {
			continue // for another realm
		}
		n++
		p := proof{result: proofMalformed, reason: all.reason}
		if all.reason == "" {
			p = g.try(m, where, now, w)
		}
		if p.result > best.result {
			best = p
			best.user, best.realm = a.username, a.realm
		}
		if p.result >= proofDisabled {
			break
		}
	}
	switch best.result {
	case proofGood:
		g.knows(m.Source, now)
		g.throttle.succeeded(&attempt{where, m.Source.Port(), best.user, best.realm}, now)
		best.secret.Use(now)
	case proofWrong:
		g.fail(&attempt{where, m.Source.Port(), best.user, best.realm}, now)
	}
	return best
}

// outdated reports whether a request carries credentials for a realm of ours whose
// nonce is not valid, so that a new challenge does not mean a wrong password.
func (g *Gate) outdated(m *sip.Message, now time.Time, w *work) (old bool) {
	where := place(m.Source.Addr())
	all := answers{m: m, a: &w.answer, which: fields}
	for n := 0; n < maxAnswers && all.next(); {
		if all.reason != "" || g.realmOf(w.answer.realm) == nil {
			continue
		}
		n++
		if _, ok := g.nonces.check(w.answer.nonce, where, now, g.cfg.NonceLife); ok {
			return false
		}
		old = true
	}
	return old
}

// try verifies one set of credentials.
func (g *Gate) try(m *sip.Message, where netip.Addr, now time.Time, w *work) proof {
	a := &w.answer
	if a.algorithm == 0 || a.qop == qopUnknown || !g.offers(a.algorithm) {
		return proof{result: proofOther}
	}
	nonce, ok := g.nonces.check(a.nonce, where, now, g.cfg.NonceLife)
	if !ok {
		return proof{result: proofStale}
	}
	if left, out := g.throttle.blocked(&attempt{where, m.Source.Port(), a.username, a.realm}, now); out {
		return proof{result: proofBlocked, retry: left}
	} else if left > 0 {
		return proof{result: proofEarly, retry: left}
	}
	account, spelling := g.cfg.Users.Lookup(a.username, a.realm)
	known := account != nil
	if !known {
		account = g.nobody // takes as long as a wrong password
	}
	secret := g.find(m, account, spelling, w)
	switch {
	case secret == nil || !known:
		return proof{result: proofWrong}
	case !account.Enabled:
		return proof{result: proofDisabled}
	case !g.aims(m, w):
		g.cfg.Log.Warn("credentials were made for another Request-URI; if all phones of this kind do so, name them in auth.uri_agents", "peer", where.String(),
			"aor", claimed(a.username, a.realm), "call_id", string(m.CallID()), "agent", string(m.Get(sip.HdrUserAgent)))
		return proof{result: proofMalformed, reason: "Digest uri Is Not the Request-URI"}
	case g.used.use(nonce, a.count, a.qop != qopNone, g.request(m)) == useSpent:
		return proof{result: proofStale}
	}
	return proof{result: proofGood, account: account, secret: secret}
}

// find returns the secret the response was made with.
func (g *Gate) find(m *sip.Message, account *directory.Account, spelling directory.Spelling, w *work) *directory.Secret {
	a := &w.answer
	w.text = a.prepare(w.text[:0], m.MethodName(), m.Body(), &w.a2)
	for _, s := range account.Secrets[:min(len(account.Secrets), directory.MaxSecrets)] {
		if ha1, ok := a.secretOf(s, spelling); ok && a.matches(w.text, ha1) {
			return s
		}
	}
	return nil
}

// request returns a hash that distinguishes a request from all others, except its
// retransmissions: those have the same octets and sender (RFC 3261 §17.1).
func (g *Gate) request(m *sip.Message) uint64 {
	var h maphash.Hash
	h.SetSeed(g.requests)
	h.Write(m.Bytes())
	where := m.Source.Addr().As16()
	h.Write(where[:])
	h.WriteByte(byte(m.Source.Port()))
	h.WriteByte(byte(m.Source.Port() >> 8))
	return h.Sum64()
}

func (g *Gate) offers(algorithm Algorithm) bool {
	for _, a := range g.cfg.Offer {
		if a == algorithm {
			return true
		}
	}
	return false
}

// fail counts wrong credentials. Only the beginning of a burst is logged; Bans lists
// who is banned meanwhile.
func (g *Gate) fail(a *attempt, now time.Time) {
	who := []any{"peer", a.addr.String(), "aor", claimed(a.user, a.realm)}
	switch g.throttle.failed(a, now) {
	case first:
		g.cfg.Log.Warn("wrong credentials; the rest of a burst is counted, not logged", who...)
	case ban:
		g.cfg.Log.Debug("shut out for wrong credentials", who...)
	case slower:
		g.cfg.Log.Debug("attempts for a user from places he was never at have to wait", who...)
	}
}
