// Package notify speaks to phones that are registered: it has them fetch their
// files again or restart, each with the NOTIFY of its family, and tells those that
// ask for no subscription about waiting messages.
//
// It finds the way to a phone by the device secret it registered with, and keeps
// nothing.
package notify

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/digest"
	"tandem/rtc/reach"
	"tandem/rtc/uac"
	"tandem/sipphone"
	"tandem/sipphone/family"
)

// Config of a Notifier.
type Config struct {
	// Ways to what registered with a device secret of a user.
	Ways func(aor rtc.AOR, device string) []reach.Way
	Send func(uac.Outside, func(uac.Reply)) error
	// Secrets of the lines of a phone: one that challenges us is answered with
	// what only it and we know.
	Secrets func(*sipphone.Phone) []string
	Domain  string
	Log     *slog.Logger
}

// Notifier sends to phones. It is safe for concurrent use.
type Notifier struct{ cfg Config }

// New makes a Notifier.
func New(cfg Config) *Notifier { return &Notifier{cfg} }

// patience is how long a phone may take to answer.
const patience = 5 * time.Second

// Resync has a phone fetch its files again.
func (c *Notifier) Resync(ctx context.Context, p *sipphone.Phone, f *family.Family) (told int, err error) {
	return c.tell(ctx, p, f, f.Resync, "resync")
}

// Reboot has a phone restart.
func (c *Notifier) Reboot(ctx context.Context, p *sipphone.Phone, f *family.Family) (told int, err error) {
	return c.tell(ctx, p, f, f.Reboot, "reboot")
}

// tell sends a notice to the first line that takes it: the phone is one, however
// many lines it has. Nothing was told when no line is registered.
func (c *Notifier) tell(ctx context.Context, p *sipphone.Phone, f *family.Family, n family.Notice, what string) (int, error) {
	if n.Event == "" {
		return 0, fmt.Errorf("%s of a phone of family %s: %w: it knows no such notice; switch it off and on", what, f.Name, sipphone.ErrInvalid)
	}
	secrets := c.cfg.Secrets(p)
	code := 0
	for i, l := range p.Lines {
		for _, w := range c.cfg.Ways(l.User, p.MAC.Device(i+1)) {
			header := "Event: " + n.Event + "\r\n"
			if n.State != "" {
				header += "Subscription-State: " + n.State + "\r\n"
			}
			body := strings.ReplaceAll(n.Body, "{callid}", w.CallID)
			code = c.notify(ctx, w, l.User, secrets[i], uac.Content{Header: []byte(header), Type: n.Type, Body: []byte(body)})
			c.cfg.Log.Info("phone told", "mac", p.MAC, "method", what, "peer", w.From, "code", code)
			if code >= 200 && code < 300 {
				return 1, nil
			}
		}
	}
	if code != 0 {
		return 0, &rtc.Status{Code: 502, Reason: fmt.Sprintf("The Phone Answered the Notice With %d", code)}
	}
	return 0, nil
}

// notify sends a NOTIFY outside any subscription and waits for the answer: its
// status, 408 for none.
func (c *Notifier) notify(ctx context.Context, w reach.Way, user rtc.AOR, secret string, content uac.Content) int {
	answer := make(chan int, 1)
	o := uac.Outside{Method: "NOTIFY", Way: uac.Way{URI: w.URI, Flow: w.Flow, Route: routes(w.Path)},
		From: "<sip:" + c.cfg.Domain + ">", To: "<" + string(user) + ">", Contact: &uac.Contact{User: "phones"}, Timeout: patience,
		Auth: digest.One(digest.Login{User: user.User(), Password: secret}), Content: content}
	err := c.cfg.Send(o, func(r uac.Reply) {
		if r.Message == nil {
			answer <- 408
			return
		}
		answer <- r.StatusCode()
	})
	if err != nil {
		return 503
	}
	select {
	case code := <-answer:
		return code
	case <-ctx.Done():
		return 408
	}
}

// routes splits the Path of a binding, which location joins by ", ".
func routes(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, ", ")
}
