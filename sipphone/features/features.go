// Package features keeps do-not-disturb and forwarding the same on phones and
// server: the event package as-feature-event, in which a phone both learns the
// settings and, with a body in its SUBSCRIBE, changes them. The documents are those
// of ECMA-323 that Broadsoft's and Cisco's phones speak.
//
// It owns no settings: whoever does is asked and told through Settings.
package features

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/sip"
)

// Name of the event package, and Type of its documents.
const (
	Name = "as-feature-event"
	Type = "application/x-as-feature-event+xml"
)

// Forward is what calls are sent elsewhere for.
type Forward string

// The kinds of forwarding.
const (
	Always   Forward = "forwardImmediate"
	Busy     Forward = "forwardBusy"
	NoAnswer Forward = "forwardNoAns"
)

// State is what a user has set.
type State struct {
	DoNotDisturb bool
	To           map[Forward]string // where calls go, "" or missing: nowhere else
	Rings        int                // before NoAnswer
}

// Change is what a phone changes.
type Change struct {
	DoNotDisturb *bool
	Forward      Forward // "" when it changes no forwarding
	On           bool
	To           string // "" keeps the number, as far as there is one
	Rings        int    // 0 keeps it
}

// Settings are kept elsewhere.
type Settings interface {
	Of(user rtc.AOR) State
	Set(ctx context.Context, user rtc.AOR, c Change) error // the error is what the phone is told
}

// Sync is the event package and the handler of changes.
type Sync struct {
	settings Settings
	resolve  func(rtc.AOR) (rtc.AOR, bool) // whom an address means
	// publishes reports whether what registered with a device secret publishes
	// do-not-disturb, see Cisco.
	publishes func(device string) bool
	jobs      chan job
}

type job struct {
	r         *rtc.Request
	user      rtc.AOR
	change    Change
	published bool // it came by PUBLISH, which ends here
}

// maxJobs is how many changes may wait for the store.
const maxJobs = 1024

// New makes a Sync. resolve finds the user of an address; publishes tells devices that
// publish do-not-disturb, nil: none does.
func New(s Settings, resolve func(rtc.AOR) (rtc.AOR, bool), publishes func(device string) bool) *Sync {
	return &Sync{settings: s, resolve: resolve, publishes: publishes, jobs: make(chan job, maxJobs)}
}

// Package is the event package, for the notifier. Only the user himself may
// subscribe.
func (s *Sync) Package() event.Package {
	return event.Package{Name: Name, Types: []string{Type}, Authorise: event.Owner,
		Document: func(q event.Query) event.Document { return document(q.Resource, s.settings.Of(q.Resource)) },
		Content:  func(m *sip.Message) error { _, err := read(m.Body()); return bad(err) }}
}

func bad(err error) error {
	if err == nil {
		return nil
	}
	return &rtc.Status{Code: 400, Reason: "Bad Feature Request", Err: err}
}

// Serve makes what a SUBSCRIBE changes and hands it on to the notifier then. It
// stands before the notifier and after the gate.
func (s *Sync) Serve(r *rtc.Request) error {
	switch {
	case string(r.MethodName()) == "PUBLISH":
		return s.published(r)
	case string(r.MethodName()) != "SUBSCRIBE" || len(r.Body()) == 0:
		return rtc.Next
	}
	if pkg, _ := r.Event(); string(pkg) != Name {
		return rtc.Next
	}
	if r.Identity == nil || r.Identity.AOR == "" {
		return rtc.Next // the notifier refuses it, or asks who it is
	}
	if to, ok := s.address(r); !ok || to != r.Identity.AOR {
		return &rtc.Status{Code: 403}
	}
	c, err := read(r.Body())
	if err != nil {
		return bad(err)
	}
	return s.take(job{r: r, user: r.Identity.AOR, change: c})
}

// take has a change wait for its turn.
func (s *Sync) take(j job) error {
	j.r.Hold()
	select {
	case s.jobs <- j:
		return nil
	default:
		return &rtc.Status{Code: 503, Header: []byte("Retry-After: 5\r\n")}
	}
}

// address is whose settings a SUBSCRIBE means. In a dialog the Request-URI is our
// Contact, and To tells.
func (s *Sync) address(r *rtc.Request) (rtc.AOR, bool) {
	if uri, err := sip.ParseURI(r.RequestURI()); err == nil {
		if user, ok := s.resolve(rtc.AOR(uri.AppendAOR(nil))); ok {
			return user, true
		}
	}
	to, err := sip.ParseNameAddr(r.Get(sip.HdrTo))
	if err != nil {
		return "", false
	}
	uri, err := sip.ParseURI(to.URI)
	if err != nil {
		return "", false
	}
	return s.resolve(rtc.AOR(uri.AppendAOR(nil)))
}

// Run makes the changes, one after the other, until ctx ends.
func (s *Sync) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case j := <-s.jobs:
			limited, cancel := context.WithTimeout(ctx, 10*time.Second)
			err := s.settings.Set(limited, j.user, j.change)
			cancel()
			if err != nil {
				j.r.Resume(&rtc.Status{Code: 403, Reason: "Setting Refused", Err: err})
				continue
			}
			if j.published {
				accept(j.r)
				continue
			}
			j.r.Resume(rtc.Next)
		}
	}
}

// maxBody bounds a request.
const maxBody = 4096

var errForm = errors.New("it is neither SetDoNotDisturb nor SetForwarding")

// read reads what a phone changes. Names count without their namespace: makers
// differ in it.
func read(body []byte) (c Change, err error) {
	if len(body) > maxBody {
		return c, errors.New("it is too large")
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	root, name := "", ""
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if name = t.Name.Local; root == "" {
				root = name
			}
		case xml.EndElement:
			name = ""
		case xml.CharData:
			if err := c.take(name, strings.TrimSpace(string(t))); err != nil {
				return c, err
			}
		}
	}
	switch {
	case root == "SetDoNotDisturb" && c.DoNotDisturb != nil:
		return Change{DoNotDisturb: c.DoNotDisturb}, nil
	case root == "SetForwarding" && (c.Forward == Always || c.Forward == Busy || c.Forward == NoAnswer):
		c.DoNotDisturb = nil
		return c, nil
	}
	return c, errForm
}

func (c *Change) take(name, text string) error {
	switch name {
	case "doNotDisturbOn":
		on := text == "true" || text == "1"
		c.DoNotDisturb = &on
	case "forwardingType":
		c.Forward = Forward(text)
	case "activateForward":
		c.On = text == "true" || text == "1"
	case "forwardDN":
		c.To = text
	case "ringCount":
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 20 {
			return fmt.Errorf("ringCount %q is not a number from 0 to 20", text)
		}
		c.Rings = n
	}
	return nil
}

// boundary separates the parts of a document; none of them can hold it.
const boundary = "feature-event-part"

// document tells all settings, a part each.
func document(user rtc.AOR, s State) event.Document {
	var b bytes.Buffer
	part := func(root, inner string) {
		fmt.Fprintf(&b, "--%s\r\nContent-Type: %s\r\n\r\n"+`<?xml version="1.0" encoding="UTF-8"?>`+"\r\n"+
			`<%s xmlns="http://www.ecma-international.org/standards/ecma-323/csta/ed3"><device>%s</device>%s</%s>`+"\r\n",
			boundary, Type, root, text(user.User()), inner, root)
	}
	part("DoNotDisturbEvent", fmt.Sprintf("<doNotDisturbOn>%t</doNotDisturbOn>", s.DoNotDisturb))
	for _, kind := range []Forward{Always, Busy, NoAnswer} {
		to := s.To[kind]
		inner := fmt.Sprintf("<forwardingType>%s</forwardingType><forwardStatus>%t</forwardStatus><forwardTo>%s</forwardTo>", kind, to != "", text(to))
		if kind == NoAnswer && s.Rings > 0 {
			inner += fmt.Sprintf("<ringCount>%d</ringCount>", s.Rings)
		}
		part("ForwardingEvent", inner)
	}
	b.WriteString("--" + boundary + "--\r\n")
	return event.Document{Type: "multipart/mixed;boundary=" + boundary, Body: b.Bytes()}
}

func text(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
