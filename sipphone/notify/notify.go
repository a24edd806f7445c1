// Package notify speaks to phones that are registered: it has them fetch their
// files again or restart, each with the NOTIFY of its family or a POST to the phone,
// and tells those that ask for no subscription about waiting messages.
//
// It finds the way to a phone by the device secret it registered with, and keeps
// nothing.
package notify

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
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
	// Shape is how requests are written to what registered with a device secret; nil,
	// for all or for one: as they are.
	Shape func(device string) uac.Shape
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

// What a phone is told to do.
type What string

// What can be told.
const (
	Resync What = "resync" // fetch the files again
	Reboot What = "reboot"
)

// Prepare finds how a phone is reached now and returns what tells it then, and
// how many were told: a change may take away the registrations it is reached by.
// The notice goes to the first line that takes it, since the phone is one, however
// many lines it has. None is told when none is registered.
func (c *Notifier) Prepare(p *sipphone.Phone, f *family.Family, what What) func(context.Context) (told int, err error) {
	type target struct {
		way    reach.Way
		user   rtc.AOR
		secret string
	}
	var targets []target
	secrets := c.cfg.Secrets(p)
	for i, l := range p.Lines {
		for _, w := range c.cfg.Ways(l.User, p.MAC.Device(i+1)) {
			targets = append(targets, target{w, l.User, secrets[i]})
		}
	}
	n, mac := f.Resync, p.MAC
	if what == Reboot {
		n = f.Reboot
	}
	return func(ctx context.Context) (int, error) {
		if n.Event == "" && n.Post == "" {
			return 0, fmt.Errorf("%s of a phone of family %s: %w: it knows no such notice; switch it off and on", what, f.Name, sipphone.ErrInvalid)
		}
		code := 0
		for _, t := range targets {
			if n.Post != "" {
				code = c.post(ctx, n, t.way.From)
			} else {
				code = c.notify(ctx, t.way, t.user, t.secret, content(n, t.way.CallID))
			}
			c.cfg.Log.Info("phone told", "mac", mac, "method", what, "peer", t.way.From, "code", code)
			if code >= 200 && code < 300 {
				return 1, nil
			}
		}
		if code != 0 {
			return 0, &rtc.Status{Code: 502, Reason: fmt.Sprintf("The Phone Answered the Notice With %d", code)}
		}
		return 0, nil
	}
}

func content(n family.Notice, callID string) uac.Content {
	header := "Event: " + n.Event + "\r\n"
	if n.State != "" {
		header += "Subscription-State: " + n.State + "\r\n"
	}
	return uac.Content{Header: []byte(header), Type: n.Type, Body: []byte(strings.ReplaceAll(n.Body, "{callid}", callID))}
}

// client posts to phones. It follows nobody who sends it elsewhere.
var client = &http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport: &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 4 << 10}}

// post tells a phone over HTTP, at the address it registered from with its password:
// the status of its answer, 408 for none.
func (c *Notifier) post(ctx context.Context, n family.Notice, phone netip.AddrPort) int {
	host := phone.Addr().Unmap().WithZone("").String()
	if phone.Addr().Unmap().Is6() {
		host = "[" + host + "]"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.ReplaceAll(n.Post, "{host}", host), strings.NewReader(n.Body))
	if err != nil {
		return 503
	}
	req.Header.Set("Content-Type", n.Type)
	resp, err := client.Do(req)
	if err != nil {
		c.cfg.Log.Warn("phone not told", "peer", phone, "method", "POST", "err", err)
		return 408
	}
	_ = resp.Body.Close() // what it says is not read
	return resp.StatusCode
}

// Push tells what registered with a line of a phone something that it has not
// subscribed to. It does not wait for the answer.
func (c *Notifier) Push(p *sipphone.Phone, line int, event, mediaType string, body []byte) {
	user := p.Lines[line].User
	for _, w := range c.cfg.Ways(user, p.MAC.Device(line+1)) {
		o := c.outside(w, user, c.cfg.Secrets(p)[line], uac.Content{Header: []byte("Event: " + event + "\r\nSubscription-State: active\r\n"), Type: mediaType, Body: body})
		if err := c.cfg.Send(o, nil); err != nil {
			c.cfg.Log.Warn("phone not told", "mac", p.MAC, "method", event, "err", err)
		}
	}
}

// Refer tells a phone by a REFER outside dialogs what its firmware reads there. It does
// not wait for the answer; the phone is one, so its first line that is registered is
// told.
func (c *Notifier) Refer(p *sipphone.Phone, mediaType string, body []byte) {
	secrets := c.cfg.Secrets(p)
	for i, l := range p.Lines {
		ways := c.cfg.Ways(l.User, p.MAC.Device(i+1))
		if len(ways) == 0 {
			continue
		}
		header := "Refer-To: <cid:" + string(p.MAC) + "@" + c.cfg.Domain + ">\r\nContent-ID: <" + string(p.MAC) + "@" + c.cfg.Domain + ">\r\n" +
			"Require: norefersub\r\nRefer-Sub: false\r\nExpires: 0\r\n"
		o := c.outside(ways[0], l.User, secrets[i], uac.Content{Header: []byte(header), Type: mediaType, Body: body})
		o.Method = "REFER"
		if err := c.cfg.Send(o, nil); err != nil {
			c.cfg.Log.Warn("phone not told", "mac", p.MAC, "method", o.Method, "err", err)
		}
		return
	}
}

func (c *Notifier) outside(w reach.Way, user rtc.AOR, secret string, content uac.Content) uac.Outside {
	var shape uac.Shape
	if c.cfg.Shape != nil {
		shape = c.cfg.Shape(w.Device)
	}
	return uac.Outside{Method: "NOTIFY", Way: uac.Way{URI: w.URI, Flow: w.Flow, Route: routes(w.Path), Shape: shape},
		From: "<sip:" + user.Domain() + ">", To: "<" + string(user) + ">", Contact: &uac.Contact{User: "phones"}, Timeout: patience,
		Auth: digest.One(digest.Login{User: user.User(), Password: secret}), Content: content}
}

// notify sends a NOTIFY outside any subscription and waits for the answer: its
// status, 408 for none.
func (c *Notifier) notify(ctx context.Context, w reach.Way, user rtc.AOR, secret string, content uac.Content) int {
	answer := make(chan int, 1)
	err := c.cfg.Send(c.outside(w, user, secret, content), func(r uac.Reply) {
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
