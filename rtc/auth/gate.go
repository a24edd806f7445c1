package auth

import (
	"bytes"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/digest"
	"tandem/rtc/directory"
	"tandem/rtc/internal/tally"
	"tandem/rtc/peers"
	"tandem/rtc/sip"
)

// Users is what the gate needs of the directory.
type Users interface {
	// Lookup returns the account for a Digest username and realm, or nil when there is
	// none.
	Lookup(username, realm []byte) (*directory.Account, directory.Spelling)
}

// Config of a Gate.
type Config struct {
	Users   Users
	Peers   *peers.Table // other servers, known by address, certificate or credentials; nil = none
	Domains []string     // our domains; each is a realm, the first one is the default
	// Local reports whether host and port are an address of this server. nil: only
	// Domains are ours.
	Local func(host []byte, port uint16) bool
	// LocalHost reports whether host is an address of this server. A user at such an
	// address belongs to the first domain. nil: no host is.
	LocalHost func(host []byte) bool
	// NonceLife is how long a nonce can be used; default 5 min.
	NonceLife time.Duration
	// Offer lists the algorithms of the challenges, preferred ones first; default
	// SHA-256, MD5. An answer by another algorithm is asked for again.
	Offer []Algorithm
	// MD5Agents lists beginnings of User-Agent values, in any case, whose senders are
	// offered MD5 alone because they fail on a challenge that names another algorithm.
	// nil: MD5Agents(); empty: none. It has no effect when MD5 is not offered.
	MD5Agents []string
	// MD5Only reports whether the sender of a request needs MD5 alone for another
	// reason than its User-Agent. nil: no sender does.
	MD5Only func(m *sip.Message) bool
	// URIAgents lists beginnings of User-Agent values, in any case, whose credentials
	// may name the server instead of the Request-URI. nil: URIAgents(); empty: none.
	URIAgents []string
	// QOP is the quality of protection offered, default "auth"; "auth,auth-int" or
	// "auth-int" protect bodies.
	QOP string
	// AllowForeign lets callers of other domains reach ours without credentials.
	AllowForeign bool
	// Registrant reports whether a user may register at an address of somebody else:
	// that of a service, as its gateways do (RFC 2848 §3.5.7). nil: no user may.
	Registrant func(address, user rtc.AOR) bool
	// Impostor is called when a user sends a request in the name of somebody else,
	// which is refused. It must not keep m and must be quick. nil: not called.
	Impostor func(m *sip.Message, user rtc.AOR)
	// Proved is called each time a sender at an address proves its identity or is
	// recognized as one that did before. It must be quick. nil: not called.
	Proved func(from netip.Addr, now time.Time)
	// Precheck returns the error for a request that is refused no matter who sent it.
	// It is called before credentials are asked for. nil: no such check.
	Precheck func(r *rtc.Request) error
	// ChallengeInDialog asks for credentials within dialogs, too.
	ChallengeInDialog bool
	// Nonces is how many nonces are remembered against replay; default 200,000.
	Nonces int
	Limits Limits
	Log    *slog.Logger
}

// Gate authenticates the senders of requests. It is safe for concurrent use.
type Gate struct {
	cfg      Config
	realms   []*realm
	nonces   *nonceKey
	used     *replays
	throttle *throttle
	today    atomic.Uint32      // when a sender last proved its identity; saves asking the clock for each message of a flood
	senders  *recall            // addresses and ports whose senders have proved their identity
	nobody   *directory.Account // stands in for users that do not exist
	requests maphash.Seed
	work     sync.Pool
	counts   tally.Board
	workers  atomic.Uint32
	told     []atomic.Bool // whether the exception for each of URIAgents has been logged
}

// work holds the buffers of one decision; it is reused to save allocations.
type work struct {
	answer answer
	text   []byte
	aor    []byte
	header []byte
	a2     digest.A2
	counts *tally.Row
}

// newWork assigns a stripe of the counters as well: the pool keeps work on its core, so
// each core writes its own counters.
func (g *Gate) newWork() *work {
	return &work{counts: g.counts.Row(int(g.workers.Add(1)))}
}

// New makes a gate.
func New(cfg Config) *Gate {
	if cfg.NonceLife <= 0 {
		cfg.NonceLife = 5 * time.Minute
	}
	if len(cfg.Offer) == 0 {
		cfg.Offer = []Algorithm{SHA256, MD5}
	}
	if cfg.MD5Agents == nil {
		cfg.MD5Agents = MD5Agents()
	}
	if cfg.URIAgents == nil {
		cfg.URIAgents = URIAgents()
	}
	if cfg.QOP == "" {
		cfg.QOP = "auth"
	}
	if cfg.Nonces <= 0 {
		cfg.Nonces = 200_000
	}
	g := &Gate{
		cfg: cfg, nonces: newNonceKey(), used: newReplays(cfg.Nonces), throttle: newThrottle(cfg.Limits), senders: newRecall(cfg.Limits.withDefaults().Known),
		nobody:   &directory.Account{Secrets: []*directory.Secret{new(directory.Secret)}},
		requests: maphash.MakeSeed(), told: make([]atomic.Bool, len(cfg.URIAgents)),
	}
	g.work.New = func() any { return g.newWork() }
	for _, name := range cfg.Domains {
		r := newRealm(name, cfg.Offer, cfg.QOP)
		r.md5 = newRealm(name, []Algorithm{MD5}, cfg.QOP)
		g.realms = append(g.realms, r)
	}
	return g
}

// act is what happens to a request.
type act uint8

const (
	actPass   act = iota // goes to the next handler, with or without an identity
	actAsk               // is answered with a challenge
	actRefuse            // is refused with code and reason
)

// verdict is the gate's decision about one request.
type verdict struct {
	act      act
	identity *rtc.Identity
	realm    *realm // whose credentials are asked for
	proxy    bool   // asked for by 407, not 401
	stale    bool
	code     int
	reason   string
	retry    time.Duration
}

func refuse(code int, reason string) verdict {
	return verdict{act: actRefuse, code: code, reason: reason}
}

var trusted = &rtc.Identity{Method: rtc.AuthTrusted}

// Serve implements rtc.Handler.
func (g *Gate) Serve(r *rtc.Request) error {
	w := g.work.Get().(*work)
	defer g.work.Put(w)
	now := r.Arrived()
	v := g.decide(r.Message, g.sender(r.Flow()), now, w)
	switch v.act {
	case actPass:
		r.Identity = v.identity
		return rtc.Next
	case actAsk:
		if g.cfg.Precheck != nil { // RFC 3261 §16.3: authorization is the last check
			if err := g.cfg.Precheck(r); err != nil {
				return err
			}
		}
		r.Respond(g.challenge(r, v, now, w), "", w.header)
		return nil
	}
	st := &rtc.Status{Code: v.code, Reason: v.reason}
	if v.retry > 0 {
		seconds := int64((v.retry + time.Second - 1) / time.Second)
		st.Header = append(strconv.AppendInt([]byte("Retry-After: "), seconds, 10), "\r\n"...)
	}
	return st
}

// Demand returns the response to a request that passed without an identity but needs
// one: it asks the sender for credentials. It is never nil, so that no handler mistakes
// the request for one that it may serve.
func (g *Gate) Demand(r *rtc.Request) *rtc.Status {
	w := g.work.Get().(*work)
	defer g.work.Put(w)
	now := time.Now()
	v := g.demand(r.Message, now, w)
	if v.act == actRefuse {
		return &rtc.Status{Code: v.code, Reason: v.reason}
	}
	code := g.challenge(r, v, now, w)
	return &rtc.Status{Code: code, Header: bytes.Clone(w.header)}
}

func (g *Gate) demand(m *sip.Message, now time.Time, w *work) verdict {
	if len(g.realms) == 0 {
		return refuse(403, "No Domain Served")
	}
	c := g.claim(m, m.Method(), w)
	if c.fault != "" {
		return refuse(c.code, c.fault)
	}
	w.counts.Add(countedChallenged)
	return verdict{act: actAsk, realm: c.realm, proxy: true, stale: g.outdated(m, now, w)}
}

// challenge leaves the header lines of a 401 or 407 in w and returns the status code.
func (g *Gate) challenge(r *rtc.Request, v verdict, now time.Time, w *work) (code int) {
	realm := v.realm
	if g.md5Only(r.Message) || g.offers(MD5) && g.knowsMD5Only(w.aor) {
		realm = realm.md5
	}
	w.header = g.appendChallenge(w.header[:0], realm, v.proxy, v.stale, place(r.Source.Addr()), now)
	if v.proxy {
		return 407
	}
	return 401
}

// decide returns the verdict on a request. It does not depend on how the answer is
// sent.
func (g *Gate) decide(m *sip.Message, from sender, now time.Time, w *work) verdict {
	method := m.Method()
	if from.peer != nil && method != sip.REGISTER && !g.credentials(m, w) {
		return g.peer(m, from, w)
	}
	if from.trusted { // ACK included: it may be relayed where that of an unknown sender is dropped
		w.counts.Add(countedTrusted)
		return verdict{identity: trusted}
	}
	if method == sip.ACK || method == sip.CANCEL {
		return verdict{} // RFC 3261 §22.1
	}
	dialog := !g.cfg.ChallengeInDialog && inDialog(m, method)
	if dialog && !m.Has(sip.HdrProxyAuthorization) && !m.Has(sip.HdrAuthorization) {
		return verdict{}
	}
	if len(g.realms) == 0 {
		return refuse(403, "No Domain Served")
	}
	c := g.claim(m, method, w)
	if c.fault != "" {
		return refuse(c.code, c.fault)
	}
	if c.toUs && !c.proxy && m.IsPing() {
		return verdict{} // gateways ask with OPTIONS whether we are alive, without credentials
	}
	p := g.verify(m, place(m.Source.Addr()), now, w)
	if dialog {
		return g.concludeInDialog(m, c, p, w)
	}
	return g.conclude(m, c, p, w)
}

// inDialog reports whether a request looks like one of a dialog. Its receiver decides
// by the tags, and answers 481 if there is no such dialog.
func inDialog(m *sip.Message, method sip.Method) bool {
	switch method {
	case sip.BYE, sip.INVITE, sip.UPDATE, sip.PRACK, sip.INFO, sip.NOTIFY, sip.SUBSCRIBE, sip.REFER, sip.OPTIONS:
		return len(m.ToTag()) > 0
	case sip.MethodOther: // a method that ends a subscription of PINT as BYE ends a call (RFC 2848 §3.5.3.3)
		return len(m.ToTag()) > 0 && string(m.MethodName()) == "UNSUBSCRIBE"
	}
	return false
}

// conclude compares the identity that the sender claims with the one it has proved.
func (g *Gate) conclude(m *sip.Message, c claim, p proof, w *work) verdict {
	ask := verdict{act: actAsk, realm: c.realm, proxy: c.proxy}
	switch p.result {
	case proofNone, proofOther:
		if c.foreign && c.toUs {
			if g.cfg.AllowForeign {
				w.counts.Add(countedForeign)
				return verdict{}
			}
			if !c.anonymous && !c.number { // it may be one of ours
				w.counts.Add(countedRefused)
				return refuse(403, "Callers of Other Domains Not Accepted")
			}
		}
		w.counts.Add(countedChallenged)
		return ask
	case proofStale:
		w.counts.Add(countedStale)
		ask.stale = true
		return ask
	case proofWrong:
		w.counts.Add(countedFailed)
		return ask
	case proofMalformed:
		w.counts.Add(countedRefused)
		return refuse(400, p.reason)
	case proofBlocked:
		w.counts.Add(countedBlocked)
		v := refuse(403, "Too Many Failed Attempts")
		v.retry = p.retry
		return v
	case proofEarly:
		w.counts.Add(countedBlocked)
		v := refuse(503, "Try Again Later")
		v.retry = p.retry
		return v
	case proofDisabled:
		w.counts.Add(countedRefused)
		return refuse(403, "Account Disabled")
	}
	if s := g.user(p); s.peer != nil {
		return g.peer(m, s, w)
	}
	if !c.mayBe(p, w) && !g.registers(m, p, w) {
		w.counts.Add(countedMismatched)
		if g.cfg.Impostor != nil {
			g.cfg.Impostor(m, p.secret.Identity.AOR)
		}
		return refuse(403, c.mismatch)
	}
	w.counts.Add(countedAccepted)
	return verdict{identity: &p.secret.Identity}
}

// concludeInDialog accepts an identity if one is proved, and otherwise lets the request
// pass without: a BYE must not fail because the nonce of its INVITE has expired. A
// handler that needs the identity calls Demand; the answer to that comes here, too.
func (g *Gate) concludeInDialog(m *sip.Message, c claim, p proof, w *work) verdict {
	switch p.result {
	case proofGood:
		if s := g.user(p); s.peer != nil {
			return g.peer(m, s, w)
		}
		if c.mayBe(p, w) {
			w.counts.Add(countedAccepted)
			return verdict{identity: &p.secret.Identity}
		}
	case proofWrong:
		w.counts.Add(countedFailed)
	}
	return verdict{}
}

// mayBe reports whether the user who was proved may use the claimed identity.
func (c *claim) mayBe(p proof, w *work) bool { return c.anonymous || p.account.Owns(w.aor) }

// registers reports whether the sender of a REGISTER may register at the address of
// somebody else.
func (g *Gate) registers(m *sip.Message, p proof, w *work) bool {
	return m.Method() == sip.REGISTER && g.cfg.Registrant != nil && g.cfg.Registrant(rtc.AOR(w.aor), p.secret.Identity.AOR)
}

func (g *Gate) realmOf(host []byte) *realm {
	for _, r := range g.realms {
		if r.is(host) {
			return r
		}
	}
	return nil
}

// Bans lists the back-offs in force; the one that ends last comes first.
func (g *Gate) Bans() []Ban { return g.throttle.bans(time.Now()) }

// Unban forgets the wrong credentials of a user ("name@realm", "" for all users) from
// an address. It returns the number of bans that this ended.
func (g *Gate) Unban(addr netip.Addr, user string) int {
	return g.throttle.forgive(place(addr), user, time.Now())
}
