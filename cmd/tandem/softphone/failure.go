package softphone

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Failure is a registration, call or message that was refused or unanswered.
type Failure struct {
	What   string // "registration", "call" or "message"
	Code   int    // SIP status, 0 when nobody answered
	Reason string // its phrase, or what went wrong
	Remedy string // what to do about it; may be empty
}

func (f *Failure) Error() string {
	s := f.What + " failed: "
	if f.Code != 0 {
		s += fmt.Sprint(f.Code, " ")
	}
	s += f.Reason
	if f.Remedy != "" {
		s += "; " + f.Remedy
	}
	return s
}

// refused makes a Failure of a final response.
func refused(what string, res *sip.Response) error {
	return &Failure{What: what, Code: res.StatusCode, Reason: res.Reason, Remedy: remedy(what, res.StatusCode)}
}

func remedy(what string, code int) string {
	switch code {
	case 401, 407:
		return "check user name and password, --password or TANDEM_PASSWORD (tandem users passwd makes a new one)"
	case 403:
		return "this user or address may not do that; see the server's log"
	case 404:
		if what == "registration" {
			return "the server does not know this user or domain (tandem users list)"
		}
		return "nobody has that address or number; check it, and tandem routes list"
	case 408, 480:
		return "the other side is not reachable now (tandem registrations list)"
	case 486, 600:
		return "the other side is busy; try later"
	case 487:
		return "it was cancelled before an answer"
	case 488, 606, 415:
		return "no codec in common; offer PCMU and PCMA"
	case 503:
		return "the server or gateway is overloaded or down; try later (tandem doctor)"
	}
	return ""
}

// failure explains an error of the libraries below.
func (p *Phone) failure(what string, err error) error {
	if res := response(err); res != nil {
		return refused(what, res)
	}
	var known *Failure
	if errors.As(err, &known) {
		return err
	}
	f := &Failure{What: what, Reason: err.Error()}
	switch {
	case errors.Is(err, context.Canceled):
		f.Reason = "cancelled"
	case errors.Is(err, sip.ErrTransactionTimeout), errors.Is(err, context.DeadlineExceeded):
		f.Reason = "no answer from " + p.server + " over " + p.cfg.Proto
		f.Remedy = "is the server running and reachable at that address? (tandem doctor)"
	case errors.Is(err, sip.ErrTransactionTransport), strings.Contains(err.Error(), "refused"):
		f.Reason = "nothing listens on " + p.server + " over " + p.cfg.Proto
		f.Remedy = "start the server (tandem serve) or name another with --server"
	case strings.Contains(err.Error(), "x509") || strings.Contains(err.Error(), "certificate"):
		f.Remedy = "trust the server's CA with --ca FILE, or on a test system use --insecure"
	}
	return f
}

// response is the final response an error of sipgo stands for; it returns that
// error both as value and as pointer.
func response(err error) *sip.Response {
	var pointer *sipgo.ErrDialogResponse
	if errors.As(err, &pointer) {
		return pointer.Res
	}
	var value sipgo.ErrDialogResponse
	if errors.As(err, &value) {
		return value.Res
	}
	return nil
}
