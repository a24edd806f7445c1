package softphone

import (
	"context"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Message is an instant message (RFC 3428).
type Message struct {
	Time time.Time
	From string // URI
	Type string // content type
	Text string
}

// SendMessage sends text and waits for the answer: 200 delivered, 202 kept for
// later. It returns the status.
func (p *Phone) SendMessage(ctx context.Context, to, text string) (int, error) {
	uri, err := p.target(to)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxRegister)
	defer cancel()
	req := sip.NewRequest(sip.MESSAGE, uri)
	req.SetDestination(p.server)
	req.SetTransport(sip.NetworkToUpper(p.cfg.Proto))
	req.AppendHeader(p.from())
	req.AppendHeader(sip.NewHeader("Content-Type", "text/plain;charset=UTF-8"))
	req.SetBody([]byte(text))
	res, err := p.client.Do(ctx, req)
	if err != nil {
		return 0, p.failure("message", err)
	}
	if (res.StatusCode == 401 || res.StatusCode == 407) && p.cfg.Password != "" {
		if res, err = p.client.DoDigestAuth(ctx, req, res, p.credentials()); err != nil {
			return 0, p.failure("message", err)
		}
	}
	if res.StatusCode/100 != 2 {
		return res.StatusCode, refused("message", res)
	}
	return res.StatusCode, nil
}

// from is the From header of a new dialog or request.
func (p *Phone) from() *sip.FromHeader {
	h := &sip.FromHeader{
		DisplayName: p.cfg.Display,
		Address:     sip.Uri{Scheme: "sip", User: p.cfg.User, Host: p.cfg.Domain},
		Params:      sip.NewParams(),
	}
	h.Params.Add("tag", sip.GenerateTagN(16))
	return h
}

func (p *Phone) message(req *sip.Request, tx sip.ServerTransaction) {
	m := Message{Time: time.Now(), From: req.From().Address.String(), Text: string(req.Body())}
	if h := req.ContentType(); h != nil {
		m.Type = h.Value()
	}
	if p.cfg.OnMessage == nil {
		p.respond(req, tx, 480, "Temporarily Unavailable")
		return
	}
	p.respond(req, tx, 200, "OK")
	p.cfg.OnMessage(m)
}

func (p *Phone) respond(req *sip.Request, tx sip.ServerTransaction, code int, reason string) {
	if err := tx.Respond(sip.NewResponseFromRequest(req, code, reason, nil)); err != nil {
		p.cfg.Log.Warn("answering failed", "method", string(req.Method), "err", err)
	}
}
