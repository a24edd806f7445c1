package device

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"tandem/interop/wire"
)

// The ways to hold.
const (
	holdDirection = "sendonly"             // a=sendonly (RFC 3264 §8.4)
	holdAddress   = "address"              // c=IN IP4 0.0.0.0 (RFC 2543 §B.5)
	holdBoth      = "address and sendrecv" // the null address, and a=sendrecv all the same
)

var (
	connection = regexp.MustCompile(`(?m)^c=IN IP4 [0-9.]+`)
	direction  = regexp.MustCompile(`(?m)^a=(sendrecv|sendonly|recvonly|inactive)\r?\n`)
)

// held is a description as a device holds with it.
func held(body, how string) string {
	if how == holdAddress || how == holdBoth {
		body = connection.ReplaceAllString(body, "c=IN IP4 0.0.0.0")
	}
	body = direction.ReplaceAllString(body, "")
	switch how {
	case holdBoth:
		body += "a=sendrecv\r\n"
	case holdDirection, "":
		body += "a=sendonly\r\n"
	}
	return body
}

// Hold puts the other side on hold in the device's way.
func (c *Call) Hold(ctx context.Context) error {
	answer, err := c.propose(ctx, func(body string) string { return held(body, c.device.dialect.Hold) })
	if err != nil {
		return err
	}
	if answer.Status() != 200 {
		return fmt.Errorf("%s holds and gets %q", c.device.dialect.Name, answer.Start)
	}
	return nil
}

// resume takes the other side back.
func (c *Call) resume(ctx context.Context) error {
	answer, err := c.propose(ctx, func(body string) string { return body })
	if err != nil {
		return err
	}
	if answer.Status() != 200 {
		return fmt.Errorf("%s resumes and gets %q", c.device.dialect.Name, answer.Start)
	}
	return c.sound.Aim(answer.Body)
}

// t38 is the offer of a fax (ITU-T T.38 annex D.2.3).
const t38 = "m=image %d udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxRateManagement:transferredTCF\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n"

// Fax wants to go on by T.38 and returns the answer to it.
func (c *Call) Fax(ctx context.Context) (*wire.Message, error) {
	return c.propose(ctx, c.fax)
}

// fax makes a description of the device one of a fax.
func (c *Call) fax(body string) string {
	session, _, _ := strings.Cut(body, "m=")
	if !strings.Contains(session, "\nc=") {
		session = strings.Replace(session, "\r\nt=", "\r\n"+connection.FindString(body)+"\r\nt=", 1)
	}
	return session + fmt.Sprintf(t38, c.sound.Port())
}

// propose makes an offer within the call (RFC 3261 §14.1) and acknowledges the answer.
func (c *Call) propose(ctx context.Context, change func(string) string) (*wire.Message, error) {
	v := c.device
	c.version++
	m := c.within("INVITE")
	m["rtp"], m["session"], m["version"] = fmt.Sprint(c.sound.Port()), session, fmt.Sprint(c.version)
	m["contact"], m["content"] = "Contact: "+v.contact(), "Content-Type: application/sdp"
	body, err := c.describe(v.dialect.Offer, m)
	if err != nil {
		return nil, err
	}
	m["body"] = change(body)
	answer, err := v.request(ctx, m, v.dialect.Invite)
	if err != nil || answer.Status() >= 300 {
		return answer, err
	}
	ack := c.within("ACK")
	ack["cseq"] = m["cseq"]
	return answer, v.end.Send(v.words(v.dialect.Request, ack))
}

// Proposed waits for an offer within the call, answers it and waits for the ACK. It
// returns the offer. One without sound is refused with 488, or is a fax to take.
func (c *Call) Proposed(ctx context.Context, takesFax bool) (*wire.Message, error) {
	v := c.device
	m, err := v.expect(ctx, "INVITE within the call", func(m *wire.Message) bool {
		return m.IsRequest() && m.Method() == "INVITE" && m.Get("Call-ID") == c.callid
	})
	if err != nil {
		return nil, err
	}
	code, reason, words := 488, "Not Acceptable Here", message{}
	fax := strings.Contains(string(m.Body), "m=image ")
	if fax && takesFax || !fax && strings.Contains(string(m.Body), "m=audio ") {
		c.version++
		body, err := c.describe(v.dialect.Answer, message{"rtp": fmt.Sprint(c.sound.Port()), "session": session, "version": fmt.Sprint(c.version), "chosen": fmt.Sprint(c.sound.Codec())})
		if err != nil {
			return nil, err
		}
		if body = direction.ReplaceAllString(body, "") + opposite(m.Body); fax {
			body = c.fax(body)
		}
		code, reason, words = 200, "OK", message{"content": "Content-Type: application/sdp", "body": body}
	}
	if err := c.respond(m, code, reason, words); err != nil {
		return nil, err
	}
	_, err = v.expect(ctx, "ACK", func(a *wire.Message) bool {
		return a.IsRequest() && a.Method() == "ACK" && a.Get("Call-ID") == c.callid
	})
	if err != nil || code != 200 || fax || opposite(m.Body) == "a=inactive\r\n" {
		return m, err
	}
	return m, c.sound.Aim(m.Body)
}

// opposite is the line of direction that answers an offer (RFC 3264 §6.1).
func opposite(offer []byte) string {
	found := direction.FindSubmatch(offer)
	if found == nil {
		return ""
	}
	return map[string]string{"sendonly": "a=recvonly\r\n", "recvonly": "a=sendonly\r\n", "inactive": "a=inactive\r\n", "sendrecv": "a=sendrecv\r\n"}[string(found[1])]
}

// Refer sends the other side on to a URI (RFC 3515) and waits until the server has told
// how it went, and ended the call when it went well. It returns the last report.
func (c *Call) Refer(ctx context.Context, uri string) (report string, err error) {
	v := c.device
	m := c.within("REFER")
	m["contact"], m["content"] = "Contact: "+v.contact(), "Refer-To: <"+uri+">"
	answer, err := v.request(ctx, m, v.dialect.Request)
	if err != nil {
		return "", err
	}
	if answer.Status() != 202 {
		return "", fmt.Errorf("%s transfers and gets %q", v.dialect.Name, answer.Start)
	}
	for over := false; !done(report) || !over && strings.HasPrefix(report, "SIP/2.0 2"); {
		m, err := v.expect(ctx, "the report of the transfer and BYE", func(m *wire.Message) bool {
			return m.IsRequest() && m.Get("Call-ID") == c.callid && (m.Method() == "NOTIFY" || m.Method() == "BYE")
		})
		if err != nil {
			return report, err
		}
		if err := c.respond(m, 200, "OK", nil); err != nil {
			return report, err
		}
		if m.Method() == "BYE" {
			over = true
			continue
		}
		report, _, _ = strings.Cut(strings.TrimSpace(string(m.Body)), "\r\n")
		if state, _, _ := strings.Cut(m.Get("Subscription-State"), ";"); done(report) != (state == "terminated") { // RFC 3515 §2.4.7
			return report, fmt.Errorf("the report %q says Subscription-State: %s", report, m.Get("Subscription-State"))
		}
	}
	return report, nil
}

// done says whether a report is the last one.
func done(report string) bool {
	return report != "" && !strings.HasPrefix(report, "SIP/2.0 1")
}
