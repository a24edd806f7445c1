package auth

import (
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// AppendInfo appends an Authentication-Info line (RFC 7616 §3.5) to dst, for a response
// without a body to m. The line proves that the server knows the secret, too. Nothing
// is appended when the identity was not proved by Digest with qop. Few phones read the
// line. It has a nextnonce once half of the nonce's life has passed.
func (g *Gate) AppendInfo(dst []byte, m *sip.Message, identity *rtc.Identity, now time.Time) []byte {
	w := g.work.Get().(*work)
	defer g.work.Put(w)
	a := &w.answer
	where := place(m.Source.Addr())
	all := answers{m: m, a: a, which: [2]sip.HeaderID{sip.HdrAuthorization, sip.HdrAuthorization}}
	for all.next() {
		if all.reason != "" || a.algorithm == 0 || a.qop == qopNone || a.qop == qopUnknown {
			continue
		}
		n, ok := g.nonces.check(a.nonce, where, now, g.cfg.NonceLife)
		account, spelling := g.cfg.Users.Lookup(a.username, a.realm)
		if !ok || account == nil {
			continue
		}
		for _, s := range account.Secrets {
			ha1, fits := a.secretOf(s, spelling)
			if identity == nil || s.Identity != *identity || !fits {
				continue
			}
			fresh := now.Unix()-int64(n.made) < int64(g.cfg.NonceLife/time.Second)/2
			return g.appendInfo(dst, w, ha1, fresh, now, m)
		}
	}
	return dst
}

func (g *Gate) appendInfo(dst []byte, w *work, ha1 []byte, fresh bool, now time.Time, m *sip.Message) []byte {
	a := &w.answer
	// The A2 of a response has no method (RFC 7616 §3.5).
	w.text = a.prepare(w.text[:0], nil, nil, &w.a2)
	dst = append(append(dst, "Authentication-Info: qop="...), a.qopText...)
	dst = a.appendResponse(append(dst, `, rspauth="`...), w.text, ha1)
	dst = append(append(dst, `", cnonce="`...), a.cnonce...)
	dst = append(append(dst, `", nc=`...), a.nc...)
	if !fresh {
		dst = g.nonces.append(append(dst, `, nextnonce="`...), place(m.Source.Addr()), now)
		dst = append(dst, '"')
	}
	return append(dst, "\r\n"...)
}
