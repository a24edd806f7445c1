package softphone

import (
	"fmt"
	"strings"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

func (p *Phone) credentials() sipgo.DigestAuth {
	return sipgo.DigestAuth{Username: p.cfg.AuthUser, Password: p.cfg.Password}
}

// authorize adds the credentials a 401 or 407 asks for to a request.
func (p *Phone) authorize(req *sip.Request, res *sip.Response) error {
	asks, answers := "WWW-Authenticate", "Authorization"
	if res.StatusCode == 407 {
		asks, answers = "Proxy-Authenticate", "Proxy-Authorization"
	}
	h := res.GetHeader(asks)
	if h == nil {
		return refused(strings.ToLower(string(req.Method)), res)
	}
	challenge, err := digest.ParseChallenge(h.Value())
	if err != nil {
		return fmt.Errorf("reading %s: %w", asks, err)
	}
	answer, err := digest.Digest(challenge, digest.Options{
		Method: string(req.Method), URI: req.Recipient.Addr(), Username: p.cfg.AuthUser, Password: p.cfg.Password})
	if err != nil {
		return fmt.Errorf("answering the challenge: %w", err)
	}
	req.AppendHeader(sip.NewHeader(answers, answer.String()))
	return nil
}
