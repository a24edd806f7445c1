package auth

import (
	"tandem/rtc"
	"tandem/rtc/peers"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// sender is what the gate knows about the sender before it reads the request: nothing,
// that the listener trusts the address, or which peer it is.
type sender struct {
	trusted  bool
	peer     *peers.Peer
	identity *rtc.Identity // of the peer
}

func (g *Gate) sender(f transport.Flow) sender {
	p, id := g.cfg.Peers.From(f)
	return sender{f.Trusted(), p, id}
}

// user returns the peer that the credentials prove, if they belong to one.
func (g *Gate) user(p proof) sender {
	peer, id := g.cfg.Peers.User(p.secret.Identity.AOR)
	return sender{peer: peer, identity: id}
}

// peer passes a request of another server on, with the identity of that peer. The user
// in From is not proved; the gate only checks which numbers From and
// P-Asserted-Identity may contain. A REGISTER still needs credentials, because without
// them a peer could register for any user.
func (g *Gate) peer(m *sip.Message, from sender, w *work) verdict {
	p := from.peer
	if len(p.Numbers) > 0 && m.Method() != sip.ACK && m.Method() != sip.CANCEL && !mayClaim(m, p, w) {
		w.counts.Add(countedMismatched)
		g.cfg.Log.Warn("peer claims a number that is not its own", "peer", p.Name, "call_id", string(m.CallID()), "aor", string(w.aor))
		return refuse(403, "Number Not Allowed for This Peer")
	}
	w.counts.Add(countedTrusted)
	return verdict{identity: from.identity}
}

// mayClaim reports whether the peer may use the numbers in From and
// P-Asserted-Identity. Anything that is not a number is allowed.
func mayClaim(m *sip.Message, p *peers.Peer, w *work) bool {
	own := func(uri sip.URI, err *sip.Error) bool {
		if _, valid := address(uri, err); !valid {
			return true
		}
		w.aor = uri.AppendAOR(w.aor[:0])
		number, isNumber := e164(uri.User)
		return !isNumber || p.MayClaim(number)
	}
	if !own(m.FromURI()) {
		return false
	}
	for v := range m.Values(sip.HdrPAssertedIdentity) {
		a, err := sip.ParseNameAddr(v)
		if err == nil && !own(sip.ParseURI(a.URI)) {
			return false
		}
	}
	return true
}

// e164 reads the user part of a URI as an international number, with or without '+',
// and without visual separators (RFC 3966 §5.1.1).
func e164(user []byte) (number string, ok bool) {
	b := []byte{'+'}
	for i, c := range sip.AppendUnescaped(nil, user) {
		switch {
		case c >= '0' && c <= '9':
			b = append(b, c)
		case c == '+' && i == 0, c == '-', c == '.', c == '(', c == ')':
		case c == ';' && len(b) > 1: // what follows are parameters
			return string(b), true
		default:
			return "", false
		}
	}
	return string(b), len(b) > 1
}

// credentials reports whether a request carries credentials for a realm of ours: a user
// may send from the address of a peer.
func (g *Gate) credentials(m *sip.Message, w *work) bool {
	all := answers{m: m, a: &w.answer, which: fields}
	for all.next() {
		if w.answer.realm == nil || g.realmOf(w.answer.realm) != nil {
			return true
		}
	}
	return false
}
