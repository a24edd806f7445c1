package softphone

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// registration is the state that successive REGISTERs share (RFC 3261 §10.2).
type registration struct {
	mu      sync.Mutex
	callID  string
	cseq    uint32
	contact sip.Uri
}

// Registered tells how a REGISTER went.
type Registered struct {
	Expires time.Duration // granted by the server
	Contact string        // the own contact
	Others  int           // further contacts of the address
	Took    time.Duration // from the first REGISTER to the 200
}

// maxRegister bounds one registration attempt, challenges included.
const maxRegister = 40 * time.Second

// Register registers once for expires and returns what was granted. With 423
// it asks again for the server's minimum. A zero expires unregisters.
func (p *Phone) Register(ctx context.Context, expires time.Duration) (Registered, error) {
	ctx, cancel := context.WithTimeout(ctx, maxRegister)
	defer cancel()
	p.reg.mu.Lock()
	defer p.reg.mu.Unlock()
	start := time.Now()
	for range 2 {
		res, err := p.sendRegister(ctx, expires)
		if err != nil {
			return Registered{}, p.failure("registration", err)
		}
		if h := res.GetHeader("Min-Expires"); res.StatusCode == 423 && h != nil {
			n, err := strconv.Atoi(strings.TrimSpace(h.Value()))
			if err == nil && n > 0 && n < 1<<24 {
				expires = time.Duration(n) * time.Second
				continue
			}
		}
		if res.StatusCode != 200 {
			return Registered{}, refused("registration", res)
		}
		r := p.granted(res, expires)
		r.Took = time.Since(start)
		return r, nil
	}
	return Registered{}, &Failure{What: "registration", Code: 423, Reason: "Interval Too Brief",
		Remedy: "the server names a minimum and then refuses it"}
}

// Unregister takes back the own contact, and no other device's.
func (p *Phone) Unregister(ctx context.Context) error {
	_, err := p.Register(ctx, 0)
	return err
}

// StayRegistered registers and refreshes until ctx ends, then unregisters.
// A failed refresh is repeated after 5 s, a failed first attempt is returned.
// report is told of each outcome; it may be nil.
func (p *Phone) StayRegistered(ctx context.Context, expires time.Duration, report func(Registered, error)) error {
	r, err := p.Register(ctx, expires)
	if report != nil {
		report(r, err)
	}
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if err := p.Unregister(ctx); err != nil {
			p.cfg.Log.Warn("could not unregister", "err", err)
		}
	}()
	for {
		wait := max(r.Expires*3/4, time.Second)
		if err != nil {
			wait = 5 * time.Second
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		var next Registered
		if next, err = p.Register(ctx, expires); err == nil {
			r = next
		}
		if report != nil && ctx.Err() == nil {
			report(next, err)
		}
	}
}

// sendRegister sends one REGISTER, answering a challenge.
func (p *Phone) sendRegister(ctx context.Context, expires time.Duration) (*sip.Response, error) {
	req := p.newRegister(expires)
	tx, err := p.client.TxRequester.Request(ctx, req)
	if err != nil {
		return nil, err
	}
	p.reg.contact = req.Contact().Address // where the server reaches us
	res, err := final(ctx, tx)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != 401 && res.StatusCode != 407 || p.cfg.Password == "" {
		return res, nil
	}
	res, err = p.client.DoDigestAuth(ctx, req, res, p.credentials())
	p.reg.cseq = req.CSeq().SeqNo
	return res, err
}

func (p *Phone) newRegister(expires time.Duration) *sip.Request {
	registrar := sip.Uri{Scheme: "sip", Host: p.cfg.Domain}
	req := sip.NewRequest(sip.REGISTER, registrar)
	req.SetDestination(p.server)
	req.SetTransport(sip.NetworkToUpper(p.cfg.Proto))
	aor := sip.Uri{Scheme: "sip", User: p.cfg.User, Host: p.cfg.Domain}
	from := &sip.FromHeader{DisplayName: p.cfg.Display, Address: aor, Params: sip.NewParams()}
	from.Params.Add("tag", sip.GenerateTagN(16))
	req.AppendHeader(from)
	req.AppendHeader(&sip.ToHeader{Address: aor, Params: sip.NewParams()})
	if p.reg.callID == "" {
		p.reg.callID = sip.GenerateTagN(24)
	}
	callID := sip.CallIDHeader(p.reg.callID)
	req.AppendHeader(&callID)
	p.reg.cseq++
	req.AppendHeader(&sip.CSeqHeader{SeqNo: p.reg.cseq, MethodName: sip.REGISTER})
	contact := &sip.ContactHeader{Address: sip.Uri{Scheme: "sip", User: p.cfg.User, Host: p.cfg.Bind, UriParams: sip.NewParams()}, Params: sip.NewParams()}
	switch p.cfg.Proto {
	case "tcp", "tls":
		contact.Address.UriParams.Add("transport", p.cfg.Proto)
	case "ws", "wss":
		contact.Address.UriParams.Add("transport", "ws") // RFC 7118 §5.2
	}
	req.AppendHeader(contact)
	seconds := sip.ExpiresHeader(expires / time.Second)
	req.AppendHeader(&seconds)
	req.AppendHeader(sip.NewHeader("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, INFO, REFER, NOTIFY"))
	// Adds what is missing: Via, Max-Forwards, Content-Length.
	if err := sipgo.ClientRequestBuild(p.client, req); err != nil {
		p.cfg.Log.Error("building REGISTER", "err", err)
	}
	return req
}

// granted reads the 200: the expires of the own contact, else of the message
// (RFC 3261 §10.2.4).
func (p *Phone) granted(res *sip.Response, asked time.Duration) Registered {
	r := Registered{Expires: asked, Contact: p.reg.contact.String()}
	if h := res.GetHeader("Expires"); h != nil {
		if n, err := strconv.Atoi(strings.TrimSpace(h.Value())); err == nil && n >= 0 {
			r.Expires = time.Duration(n) * time.Second
		}
	}
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok {
			continue
		}
		if c.Address.User != p.reg.contact.User || c.Address.HostPort() != p.reg.contact.HostPort() {
			r.Others++
			continue
		}
		if s, ok := c.Params.Get("expires"); ok {
			if n, err := strconv.Atoi(s); err == nil && n >= 0 {
				r.Expires = time.Duration(n) * time.Second
			}
		}
	}
	return r
}

// final waits for a transaction's final response and ends it.
func final(ctx context.Context, tx sip.ClientTransaction) (*sip.Response, error) {
	defer tx.Terminate()
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			if err := tx.Err(); err != nil {
				return nil, err
			}
			return nil, fmt.Errorf("connection ended: %w", sip.ErrTransactionTransport)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
