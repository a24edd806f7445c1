package auth

import (
	"bytes"
	"net/netip"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// WebRequest contains the parts of an HTTP request that Digest needs (RFC 7616).
type WebRequest struct {
	Method, URI   string         // as in the request line
	Authorization []string       // values of the header field
	Body          []byte         // for auth-int
	From          netip.AddrPort // of the client
	Domain        string         // whose users are asked for; another than ours: any
}

// Web authenticates an HTTP request with the same users, nonces, throttle and
// protection against replay as SIP. Without an identity, refused is the status to
// answer with; for a 401, challenges are the values of WWW-Authenticate.
func (g *Gate) Web(r WebRequest) (id *rtc.Identity, challenges []string, refused *rtc.Status) {
	if len(g.realms) == 0 {
		return nil, nil, &rtc.Status{Code: 403, Reason: "No Domain Served"}
	}
	m, err := r.message()
	if err != nil {
		return nil, nil, &rtc.Status{Code: 400}
	}
	w := g.work.Get().(*work)
	defer g.work.Put(w)
	now := time.Now()
	p := g.verify(m, place(r.From.Addr()), now, w)
	switch p.result {
	case proofGood:
		w.counts.Add(countedAccepted)
		return &p.secret.Identity, nil, nil
	case proofMalformed:
		return nil, nil, &rtc.Status{Code: 400, Reason: p.reason}
	case proofDisabled:
		return nil, nil, &rtc.Status{Code: 403, Reason: "Account Disabled"}
	case proofBlocked:
		return nil, nil, &rtc.Status{Code: 403, Reason: "Too Many Failed Attempts"}
	case proofEarly:
		return nil, nil, &rtc.Status{Code: 503, Reason: "Try Again Later"}
	}
	w.counts.Add(countedChallenged)
	realm := g.realmOf([]byte(r.Domain))
	if realm == nil {
		realm = g.realmOf(p.realm)
	}
	if realm == nil {
		realm = g.realms[0]
	}
	lines := g.appendChallenge(nil, realm, false, p.result == proofStale, place(r.From.Addr()), now)
	for line := range bytes.SplitSeq(bytes.TrimSpace(lines), []byte("\r\n")) {
		challenges = append(challenges, string(bytes.TrimPrefix(line, []byte("WWW-Authenticate: "))))
	}
	return nil, challenges, &rtc.Status{Code: 401}
}

// message returns the request in the form that the gate reads.
func (r *WebRequest) message() (*sip.Message, error) {
	b := sip.Builder{}
	b.Request(r.Method, []byte(r.URI))
	for _, v := range r.Authorization {
		if strings.HasPrefix(strings.ToLower(v), "digest ") {
			b.HeaderString(sip.HdrAuthorization, v)
		}
	}
	m := new(sip.Message)
	if err := m.Parse(b.Finish("", r.Body)); err != nil {
		return nil, err
	}
	m.Source = r.From
	return m, nil
}
