package suite

import (
	"context"
	"fmt"
	"strings"

	"tandem/interop/behaviour"
	"tandem/interop/wire"
)

// answer answers a request that came to a device.
func (b *bench) answer(ctx context.Context, d *actor, a *behaviour.Answer) error {
	m := d.request
	if a.Method != "" {
		m = d.requests[a.Method]
	}
	if m == nil {
		return fmt.Errorf("%s has no request to answer with %d", d.who, a.Code)
	}
	body, err := content(b.fill(ctx, d, a.Body), "")
	if err != nil {
		return err
	}
	lines := b.fillAll(ctx, d, a.Lines)
	if a.Type != "" {
		lines = append(lines, "Content-Type: "+a.Type)
	}
	if m.Method() == "INVITE" && a.Code > 100 && a.Code < 300 {
		d.called(m)
	}
	return d.Reply(m, response(m, d, a, lines, body))
}

// phrases are the reasons of codes.
var phrases = map[int]string{100: "Trying", 180: "Ringing", 200: "OK", 302: "Moved Temporarily", 403: "Forbidden", 480: "Temporarily Unavailable", 486: "Busy Here", 487: "Request Terminated"}

// response words an answer: Vias, Record-Routes, From, To, Call-ID and CSeq as
// they came (RFC 3261 §8.2.6).
func response(m *wire.Message, d *actor, a *behaviour.Answer, lines []string, body string) []byte {
	reason := a.Reason
	if reason == "" {
		reason = phrases[a.Code]
	}
	head := []string{fmt.Sprintf("SIP/2.0 %d %s", a.Code, strings.TrimLeft(reason, " "))}
	vias := m.Values("Via")
	if a.Joined {
		vias = []string{strings.Join(vias, ", ")}
	}
	for _, v := range vias {
		head = append(head, "Via: "+v)
	}
	if m.Method() == "INVITE" && a.Code > 100 && a.Code < 300 {
		for _, v := range m.Values("Record-Route") {
			head = append(head, "Record-Route: "+v)
		}
	}
	to := m.Get("To")
	if a.Code > 100 {
		to = d.tagged(to)
	}
	cseq := m.Get("CSeq")
	if a.Tab {
		cseq = fmt.Sprintf("%d\t%s", m.CSeq(), m.Method())
	}
	head = append(head, "From: "+m.Get("From"), "To: "+to, "Call-ID: "+m.Get("Call-ID"), "CSeq: "+cseq)
	head = append(head, lines...)
	head = append(head, fmt.Sprintf("Content-Length: %d", len(body)))
	return []byte(strings.Join(head, "\r\n") + "\r\n\r\n" + body)
}

// ack acknowledges the final response that came last (RFC 3261 §17.1.1.3 and
// §13.2.2.4).
func (b *bench) ack(ctx context.Context, d *actor) error {
	m := d.response
	if m == nil || m.Status() < 200 || m.Method() != "INVITE" || d.inviting == nil {
		return fmt.Errorf("%s has no final response to acknowledge", d.who)
	}
	if m.Status() < 300 {
		return b.send(ctx, d, &behaviour.Request{Method: "ACK", Dialog: true}, "")
	}
	lines := []string{"Via: " + d.inviting.Values("Via")[0], "From: " + m.Get("From"), "To: " + m.Get("To")}
	return b.post(ctx, d, []byte(fmt.Sprintf("ACK %s SIP/2.0\r\n%s\r\nCall-ID: %s\r\nCSeq: %d ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
		d.inviting.RequestURI(), strings.Join(lines, "\r\n"), m.Get("Call-ID"), m.CSeq())))
}
