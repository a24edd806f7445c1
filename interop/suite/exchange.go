package suite

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tandem/interop/behaviour"
	"tandem/interop/wire"
)

// run tries one case.
func (b *bench) run(ctx context.Context, c *behaviour.Case) error {
	switch {
	case c.Pass != nil:
		return b.pass(ctx, c.Pass)
	case c.Register != nil:
		return b.register(ctx, c.Register)
	case c.Offer != nil:
		return b.offer(ctx, c.Offer)
	case c.Story != nil:
		return b.story(ctx, c.Story)
	}
	return b.steps(ctx, c.Steps)
}

// enroll registers a phone in the usual words.
func (b *bench) enroll(ctx context.Context, d *actor) error {
	request := &behaviour.Request{Method: "REGISTER", URI: "sip:{domain}", Lines: []string{
		fmt.Sprintf("To: <sip:%s@%s>", d.name, d.host), "Contact: " + b.contact(d), "Expires: 600"}}
	m, err := b.challenged(ctx, d, request, "usual")
	if err != nil {
		return err
	}
	if m.Status() != 200 {
		return fmt.Errorf("%s should be registered and got %q", d.who, m.Start)
	}
	return nil
}

// contact is the usual one.
func (b *bench) contact(d *actor) string {
	uri := fmt.Sprintf("sip:%s@%s;line=almbmxia", d.name, d.Local)
	if d.Proto != "UDP" {
		uri += ";transport=" + strings.ToLower(d.Proto)
	}
	return "<" + uri + ">"
}

// challenged sends a request, and again with credentials when it is asked for
// them. It returns the final response.
func (b *bench) challenged(ctx context.Context, d *actor, r *behaviour.Request, form string) (*wire.Message, error) {
	for {
		if err := b.send(ctx, d, r, ""); err != nil {
			return nil, err
		}
		m, err := b.final(ctx, d)
		if err != nil || m.Status() != 401 && m.Status() != 407 || r.Credentials != "" {
			return m, err
		}
		again := *r
		again.Credentials = form
		r = &again
	}
}

// final is the final response to what a device sent last.
func (b *bench) final(ctx context.Context, d *actor) (*wire.Message, error) {
	return d.wait(ctx, "the answer to "+d.sent.Method(), func(m *wire.Message) bool {
		return m.Status() >= 200 && m.Get("Call-ID") == d.sent.Get("Call-ID") && m.CSeq() == d.sent.CSeq() && m.Method() == d.sent.Method()
	})
}

// pass has the gateway send a request to the phone, which must get it as it was.
func (b *bench) pass(ctx context.Context, p *behaviour.Pass) error {
	phone, err := b.actor(ctx, "phone")
	if err != nil {
		return err
	}
	if p.Server {
		b.gateway = nil // it sends from an address of its own
	}
	gateway, err := b.actor(ctx, "gateway")
	if err != nil {
		return err
	}
	if err := b.enroll(ctx, phone); err != nil {
		return err
	}
	method := p.Method
	if method == "" {
		method = "OPTIONS"
	}
	lines := b.fillAll(ctx, gateway, p.Lines) // once: what is sent is what must arrive
	request := &behaviour.Request{Method: method, URI: "sip:{user}@{domain}", Lines: lines, Without: p.Without, Type: p.Type, Body: p.Body, BodyHex: p.BodyHex}
	if err := b.send(ctx, gateway, request, p.Before); err != nil {
		return err
	}
	body, _ := content(p.Body, p.BodyHex)
	if p.Gets != nil {
		body = *p.Gets
	}
	wait := &behaviour.Wait{Method: method, Has: p.Sees, URI: p.URI}
	if len(p.Sees) == 0 {
		for _, l := range lines {
			if name(l) != "via" { // the server may write others around it
				wait.Has = append(wait.Has, strings.TrimPrefix(l, "+"))
			}
		}
	}
	m, err := phone.wait(ctx, wait.String(), wait.Fits)
	if err != nil {
		return err
	}
	if err := b.judge(ctx, phone, wait, m); err != nil {
		return err
	}
	if string(m.Body) != body {
		return fmt.Errorf("the phone got the body %q, %q was sent", m.Body, body)
	}
	if err := b.answer(ctx, phone, &behaviour.Answer{Code: 200}); err != nil {
		return err
	}
	wait = &behaviour.Wait{Code: "200", Same: []string{"From", "Call-ID", "CSeq", "Via"}}
	if m, err = gateway.wait(ctx, wait.String(), wait.Fits); err != nil {
		return err
	}
	return b.judge(ctx, gateway, wait, m)
}

// register has a phone register in its own words.
func (b *bench) register(ctx context.Context, r *behaviour.Register) error {
	d, err := b.actor(ctx, "phone")
	if err != nil {
		return err
	}
	form := r.Credentials
	if form == "" {
		form = "usual"
	}
	m, err := b.challenged(ctx, d, &behaviour.Request{Text: r.Text}, form)
	if err != nil {
		return err
	}
	if m.Status() != 200 {
		return fmt.Errorf("the phone should be registered and got %q", m.Start)
	}
	if err := b.granted(ctx, d, r, m); err != nil {
		return err
	}
	if err := b.post(ctx, d, d.sent.Raw); err != nil { // it has not heard the answer
		return err
	}
	if m, err = b.final(ctx, d); err != nil {
		return fmt.Errorf("the REGISTER was repeated: %w", err)
	}
	if m.Status() != 200 {
		return fmt.Errorf("the repeated REGISTER got %q", m.Start)
	}
	if r.Called == "" {
		return nil
	}
	return b.steps(ctx, []behaviour.Step{
		{Who: "gateway", Send: &behaviour.Request{Method: "OPTIONS", URI: "sip:{user}@{domain}"}},
		{Who: "phone", Wait: &behaviour.Wait{Method: "OPTIONS", URI: r.Called}},
		{Who: "phone", Answer: &behaviour.Answer{Code: 200}},
		{Who: "gateway", Wait: &behaviour.Wait{Code: "200", Same: []string{"Call-ID", "CSeq"}}},
	})
}

// granted judges the 200 to a REGISTER (RFC 3261 §10.3 step 8).
func (b *bench) granted(ctx context.Context, d *actor, r *behaviour.Register, m *wire.Message) error {
	contacts := m.Values("Contact")
	want := max(r.Contacts, 1)
	if len(contacts) != want {
		return fmt.Errorf("the 200 names %d contacts, not %d: %q", len(contacts), want, contacts)
	}
	for _, c := range contacts {
		if _, ok := wire.Param(c, "expires"); !ok {
			return fmt.Errorf("the contact %q in the 200 has no expires", c)
		}
	}
	if contact := b.fill(ctx, d, r.Contact); r.Contact != "" && wire.URI(contacts[0]) != wire.URI(contact) {
		return fmt.Errorf("the 200 names the contact %q; it was written %q", contacts[0], contact)
	}
	date, err := http.ParseTime(m.Get("Date"))
	if r.Date && (err != nil || time.Since(date).Abs() > time.Hour) {
		return fmt.Errorf("the 200 has the Date %q; phones set their clock by it", m.Get("Date"))
	}
	return nil
}

// errAnswer is the description of an answer that does not fit.
var errAnswer = errors.New("the answer does not fit the offer")

// plain is what the other side of an offer answers and offers.
const plain = "v=0\no=plain 1 1 IN IP4 %s\ns=-\nc=IN IP4 %s\nt=0 0\nm=audio %d RTP/AVP 0 8 101\na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n"

// offer has a device call with a description, and judges what it is answered.
func (b *bench) offer(ctx context.Context, o *behaviour.Offer) error {
	caller, callee, uri := "gateway", "phone", "sip:{user}@{domain}"
	if o.By == "phone" {
		caller, callee, uri = "phone", "gateway", "sip:{number}@{domain}"
	}
	from, err := b.actor(ctx, caller)
	if err != nil {
		return err
	}
	to, err := b.actor(ctx, callee)
	if err != nil {
		return err
	}
	phone := b.devices["phone"]
	if err := b.enroll(ctx, phone); err != nil {
		return err
	}
	other, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- b.obey(other, to) }()
	err = b.talk(ctx, from, o, uri)
	stop()
	return errors.Join(err, <-done)
}

// obey answers whatever a device is asked, until ctx ends.
func (b *bench) obey(ctx context.Context, d *actor) error {
	port, err := d.sound()
	if err != nil {
		return err
	}
	host := d.Local.Addr().String()
	for {
		m, err := d.Next(ctx, (*wire.Message).IsRequest)
		if err != nil {
			return nil // the caller is through
		}
		d.note(m)
		answer := &behaviour.Answer{Code: 200, Lines: []string{"Contact: " + b.contact(d)}}
		switch m.Method() {
		case "ACK":
			continue
		case "INVITE", "UPDATE":
			answer.Type, answer.Body = "application/sdp", fmt.Sprintf(plain, host, host, port)
		}
		if err := b.answer(ctx, d, answer); err != nil {
			return err
		}
	}
}

// talk is the caller's side of an offer.
func (b *bench) talk(ctx context.Context, d *actor, o *behaviour.Offer, uri string) error {
	request := &behaviour.Request{Method: "INVITE", URI: uri, Lines: []string{"Contact: " + b.contact(d)}, Type: "application/sdp", Body: o.SDP}
	for i, round := range append([]behaviour.Offer{*o}, o.Again...) {
		if i > 0 {
			request = &behaviour.Request{Method: "INVITE", Dialog: true, Lines: request.Lines, Type: "application/sdp", Body: round.SDP}
		}
		if err := b.propose(ctx, d, request, &round); err != nil {
			return fmt.Errorf("offer %d: %w", i+1, err)
		}
	}
	if err := b.send(ctx, d, &behaviour.Request{Method: "BYE", Dialog: true}, ""); err != nil {
		return err
	}
	m, err := b.final(ctx, d)
	if err == nil && m.Status() != 200 {
		err = fmt.Errorf("BYE got %q", m.Start)
	}
	return err
}

// propose sends one INVITE and judges the description in its 200.
func (b *bench) propose(ctx context.Context, d *actor, r *behaviour.Request, o *behaviour.Offer) error {
	if err := b.send(ctx, d, r, ""); err != nil {
		return err
	}
	m, err := b.final(ctx, d)
	if err == nil && m.Status() == 407 {
		if err = b.ack(ctx, d); err == nil {
			again := *r
			again.Credentials = "usual"
			if err = b.send(ctx, d, &again, ""); err == nil {
				m, err = b.final(ctx, d)
			}
		}
	}
	if err != nil {
		return err
	}
	if err := b.ack(ctx, d); err != nil {
		return err
	}
	if m.Status() != 200 {
		return fmt.Errorf("INVITE got %q", m.Start)
	}
	if err := d.newer(string(m.Body)); err != nil {
		return err
	}
	for _, l := range o.Lacks {
		if strings.Contains(string(m.Body), l) {
			return fmt.Errorf("%w: it should not hold %q", errAnswer, l)
		}
	}
	if err := b.matches(ctx, d, o.Match, string(m.Body)); err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	return nil
}

// newer wants the version in o= to rise by one when a description differs from the
// one before in the same call, and to stay when it does not (RFC 3264 §8).
func (d *actor) newer(text string) error {
	last := d.described
	d.described = text
	was, is := origin.FindStringSubmatch(last), origin.FindStringSubmatch(text)
	if was == nil || is == nil {
		return nil
	}
	before, _ := strconv.ParseUint(was[2], 10, 64)
	after, _ := strconv.ParseUint(is[2], 10, 64)
	changed := origin.ReplaceAllString(last, "") != origin.ReplaceAllString(text, "")
	switch {
	case was[1] != is[1]:
		return fmt.Errorf("%w: o= names another session than the answer before: %q, %q", errAnswer, was[0], is[0])
	case changed && after != before+1:
		return fmt.Errorf("%w: it differs from the one before, and the version in o= went from %d to %d", errAnswer, before, after)
	case !changed && after != before:
		return fmt.Errorf("%w: it is as the one before, and the version in o= went from %d to %d", errAnswer, before, after)
	}
	return nil
}

// origin is the o= line: the session it names, and its version.
var origin = regexp.MustCompile(`(?m)^o=(\S+ \S+) (\d+) `)
