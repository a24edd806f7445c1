package device

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tandem/interop/voice"
	"tandem/interop/wire"
)

// Call is a call of a device, answered or about to be.
type Call struct {
	device   *Device
	callid   string
	from, to string // of our requests
	target   string
	routes   []string
	invite   *wire.Message // that came, nil of a call of ours
	sent     message       // of a call of ours
	number   int           // CSeq of it
	answer   *wire.Message // to it, once it has come
	sound    *voice.Sound
	version  int // of the description sent last
}

// session and firstVersion stand in the o= lines of a call.
const (
	session      = "1568"
	firstVersion = 6603
)

// begin words the INVITE.
func (v *Device) begin(uri string) (*Call, error) {
	s, err := voice.Listen(v.end.Local.Addr())
	if err != nil {
		return nil, err
	}
	c := &Call{device: v, callid: v.fresh(v.dialect.CallID), sound: s, version: firstVersion}
	c.sent = message{"method": "INVITE", "ruri": uri, "callid": c.callid, "contact": "Contact: " + v.contact(),
		"from": tagged(v.own(), v.fresh(v.dialect.Tag)), "content": "Content-Type: application/sdp", "rtp": fmt.Sprint(s.Port()), "session": session, "version": fmt.Sprint(firstVersion)}
	c.sent["to"] = string(v.words(v.dialect.To, message{"ruri": uri}))
	c.sent["to"] = strings.TrimSuffix(c.sent["to"], "\r\n")
	if c.sent["body"], err = c.describe(v.dialect.Offer, c.sent); err != nil {
		s.Close()
		return nil, err
	}
	s.Offers([]byte(c.sent["body"]))
	return c, nil
}

// describe fills a description, with a key for SRTP where the device protects its sound.
func (c *Call) describe(text string, m message) (string, error) {
	body := string(c.device.words(text, m))
	if !c.device.dialect.protects(c.device.end.Proto) {
		return body, nil
	}
	return c.sound.Protect(body)
}

// confirmed takes the 200 and acknowledges it.
func (c *Call) confirmed(answer *wire.Message) error {
	v := c.device
	c.from, c.to, c.target = c.sent["from"], answer.Get("To"), wire.URI(answer.Get("Contact"))
	c.routes = answer.Values("Record-Route")
	slices.Reverse(c.routes)
	if err := c.sound.Aim(answer.Body); err != nil {
		return fmt.Errorf("the 200 to INVITE: %w", err)
	}
	ack := c.within("ACK")
	ack["cseq"] = c.sent["cseq"]
	return v.end.Send(v.words(v.dialect.Request, ack))
}

// within begins a request in the dialog.
func (c *Call) within(method string) message {
	m := message{"method": method, "ruri": c.target, "callid": c.callid, "from": c.from, "to": c.to, "via": c.device.fresh(c.device.dialect.Via)}
	var lines []string
	for _, r := range c.routes {
		lines = append(lines, "Route: "+r)
	}
	m["routes"] = strings.Join(lines, "\r\n")
	return m
}

// Header of the INVITE that came, "" for none.
func (c *Call) Header(name string) string { return c.invite.Get(name) }

// Incoming waits for a call.
func (v *Device) Incoming(ctx context.Context) (*Call, error) {
	m, err := v.expect(ctx, "INVITE", func(m *wire.Message) bool {
		return m.IsRequest() && m.Method() == "INVITE" && !strings.Contains(m.Get("To"), "tag=")
	})
	if err != nil {
		return nil, err
	}
	c := &Call{device: v, version: firstVersion, callid: m.Get("Call-ID"), invite: m, to: m.Get("From"), target: wire.URI(m.Get("Contact")), routes: m.Values("Record-Route")}
	tag := v.fresh(v.dialect.Tag)
	if tag == "" {
		tag = random(4) // even the oldest have one in To
	}
	c.from = tagged(m.Get("To"), tag)
	return c, nil
}

// respond answers a request of the call in the device's words.
func (c *Call) respond(m *wire.Message, code int, reason string, more message) error {
	v := c.device
	words := v.answer(m, code, reason)
	if m.Method() == "INVITE" && code > 100 {
		words["to"] = c.from
	}
	if m.Method() == "INVITE" && code > 100 && code < 300 {
		var routes []string
		for _, s := range m.Values("Record-Route") {
			routes = append(routes, "Record-Route: "+s)
		}
		words["recordroutes"], words["contact"] = strings.Join(routes, "\r\n"), "Contact: "+v.contact()
	}
	for k, s := range more {
		words[k] = s
	}
	return v.end.Reply(m, v.words(v.dialect.Response, words))
}

// Ring says that the device rings.
func (c *Call) Ring() error { return c.respond(c.invite, 180, "Ringing", nil) }

// Refuse answers with a failure and waits for the ACK.
func (c *Call) Refuse(ctx context.Context, code int, reason string) error {
	if err := c.respond(c.invite, code, reason, nil); err != nil {
		return err
	}
	_, err := c.device.expect(ctx, "ACK", func(m *wire.Message) bool { return m.Method() == "ACK" && m.IsRequest() })
	return err
}

// Answer takes the call and waits for the ACK.
func (c *Call) Answer(ctx context.Context) error {
	if err := c.accept(); err != nil {
		return err
	}
	return c.acknowledged(ctx)
}

// accept takes the call.
func (c *Call) accept() (err error) {
	v := c.device
	if c.sound, err = voice.Listen(v.end.Local.Addr()); err != nil {
		return err
	}
	if err := c.sound.Aim(c.invite.Body); err != nil {
		return fmt.Errorf("the INVITE: %w", err)
	}
	said := message{"rtp": fmt.Sprint(c.sound.Port()), "session": session, "version": fmt.Sprint(firstVersion), "chosen": fmt.Sprint(c.sound.Codec())}
	body, err := c.describe(v.dialect.Answer, said)
	if err != nil {
		return err
	}
	c.sound.Offers([]byte(body))
	return c.respond(c.invite, 200, "OK", message{"content": "Content-Type: application/sdp", "body": body})
}

// acknowledged waits for the ACK to its answer.
func (c *Call) acknowledged(ctx context.Context) error {
	_, err := c.device.expect(ctx, "ACK", func(m *wire.Message) bool {
		return m.IsRequest() && m.Method() == "ACK" && m.Get("Call-ID") == c.callid
	})
	return err
}

// HangUp ends the call.
func (c *Call) HangUp(ctx context.Context) error {
	bye := c.within("BYE")
	bye["content"] = c.device.fresh(c.device.dialect.Bye)
	answer, err := c.device.request(ctx, bye, c.device.dialect.Request)
	if err == nil && answer.Status() != 200 {
		err = fmt.Errorf("%s hangs up and gets %q", c.device.dialect.Name, answer.Start)
	}
	return err
}

// HungUp waits until the other side hangs up.
func (c *Call) HungUp(ctx context.Context) error {
	m, err := c.device.expect(ctx, "BYE", func(m *wire.Message) bool {
		return m.IsRequest() && m.Method() == "BYE" && m.Get("Call-ID") == c.callid
	})
	if err != nil {
		return err
	}
	return c.respond(m, 200, "OK", nil)
}

// GivenUp waits until the caller gives up, and ends the INVITE with 487.
func (c *Call) GivenUp(ctx context.Context) error {
	m, err := c.device.expect(ctx, "CANCEL", func(m *wire.Message) bool { return m.IsRequest() && m.Method() == "CANCEL" })
	if err != nil {
		return err
	}
	if err := c.respond(m, 200, "OK", nil); err != nil {
		return err
	}
	return c.Refuse(ctx, 487, "Request Terminated")
}

// Talk says a tone and returns what was heard meanwhile.
func (c *Call) Talk(ctx context.Context, freq float64) (voice.Heard, error) {
	return voice.Between(ctx, c.sound, c.sound, voice.Speech{Tone: freq})
}

// Close ends the sound.
func (c *Call) Close() {
	if c.sound != nil {
		c.sound.Close()
	}
}
