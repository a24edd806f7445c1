package device

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem/interop/wire"
)

// Identity is who a device is to the server.
type Identity struct{ User, Password, Domain string }

// Device is one device at work. It does one thing at a time.
type Device struct {
	dialect  *Dialect
	end      *wire.Endpoint
	who      Identity
	mac      string
	cseq     int
	regID    string
	regTag   string
	patience time.Duration
}

// New makes a device of a dialect on an endpoint.
func New(d *Dialect, end *wire.Endpoint, who Identity, patience time.Duration) *Device {
	v := &Device{dialect: d, end: end, who: who, mac: "000413" + random(3), cseq: 100, patience: patience}
	v.regID, v.regTag = v.fresh(d.CallID), v.fresh(d.Tag)
	return v
}

func random(octets int) string {
	b := make([]byte, octets)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// fresh fills a short text that needs nothing of a message.
func (v *Device) fresh(text string) string {
	if text == "none" {
		return ""
	}
	return short(text, v.always)
}

// always are the variables every text may use.
func (v *Device) always(name string) string {
	host, port := v.end.Local.Addr().String(), fmt.Sprint(v.end.Local.Port())
	switch name {
	case "proto":
		return v.end.Proto
	case "transport":
		return strings.ToLower(v.end.Proto)
	case "local":
		return v.end.Local.String()
	case "host":
		return host
	case "port":
		return port
	case "domain":
		return v.who.Domain
	case "user", "display":
		return v.who.User
	case "server":
		return v.end.To.String()
	case "serverhost":
		return v.end.To.Addr().String()
	case "hex4":
		return random(2)
	case "hex8":
		return random(4)
	case "num":
		return fmt.Sprint(time.Now().UnixNano() % 1e9)
	case "mac":
		return v.mac
	case "timestamp":
		return fmt.Sprint(time.Now().Unix())
	}
	return ""
}

// message is what a text is filled with.
type message map[string]string

func (v *Device) words(text string, m message) []byte {
	m["length"] = fmt.Sprint(len(m["body"]))
	return []byte(render(text, func(name string) string {
		if s, ok := m[name]; ok {
			return s
		}
		return v.always(name)
	}))
}

// expect waits for a message.
func (v *Device) expect(ctx context.Context, what string, fits func(*wire.Message) bool) (*wire.Message, error) {
	limited, cancel := context.WithTimeout(ctx, v.patience)
	defer cancel()
	m, err := v.end.Next(limited, fits)
	if errors.Is(err, wire.ErrQuiet) {
		return nil, fmt.Errorf("%s waits for %s: nothing of the kind came within %s", v.dialect.Name, what, v.patience)
	}
	return m, err
}

// Register boots the device: it registers and answers a challenge.
func (v *Device) Register(ctx context.Context) error {
	own := v.own()
	if v.dialect.Registers { // a gateway's own address is otherwise that of its machine
		own = "<sip:" + v.who.User + "@" + v.who.Domain + ">"
	}
	m := message{"method": "REGISTER", "ruri": "sip:" + v.who.Domain, "callid": v.regID, "expires": "Expires: 3600",
		"contact": "Contact: " + v.contact(), "to": own, "from": tagged(own, v.regTag)}
	answer, err := v.request(ctx, m, v.dialect.Register)
	if err != nil {
		return err
	}
	if answer.Status() != 200 {
		return fmt.Errorf("%s registers and gets %q", v.dialect.Name, answer.Start)
	}
	for _, c := range answer.Values("Contact") {
		if wire.URI(c) == wire.URI(v.contact()) {
			return nil
		}
	}
	return fmt.Errorf("%s is not named in the 200 to its REGISTER: %q", v.dialect.Name, answer.Values("Contact"))
}

// contact is where the device is reached.
func (v *Device) contact() string { return v.fresh(v.dialect.Contact) }

// own is the device's address of record as it writes it.
func (v *Device) own() string { return v.fresh(v.dialect.From) }

// tagged adds a tag where the dialect has one.
func tagged(address, tag string) string {
	if tag == "" {
		return address
	}
	return address + ";tag=" + tag
}

// request sends a request, again with credentials when challenged, and returns
// the final response. Of an INVITE a failure is acknowledged.
func (v *Device) request(ctx context.Context, m message, text string) (*wire.Message, error) {
	for {
		v.cseq++
		m["cseq"], m["via"] = fmt.Sprint(v.cseq), v.fresh(v.dialect.Via)
		if err := v.end.Send(v.words(text, m)); err != nil {
			return nil, err
		}
		answer, err := v.final(ctx, m, v.cseq)
		if err != nil {
			return nil, err
		}
		if m["method"] == "INVITE" && answer.Status() >= 300 {
			if err := v.acknowledge(m, answer); err != nil {
				return nil, err
			}
		}
		if answer.Status() != 401 && answer.Status() != 407 || m["credentials"] != "" {
			return answer, nil
		}
		if err := v.prove(m, answer); err != nil {
			return nil, err
		}
	}
}

func (v *Device) final(ctx context.Context, m message, cseq int) (*wire.Message, error) {
	return v.expect(ctx, "the answer to "+m["method"], func(a *wire.Message) bool {
		return a.Status() >= 200 && a.Get("Call-ID") == m["callid"] && a.CSeq() == cseq && a.Method() == m["method"]
	})
}

// acknowledge ends the transaction of an INVITE that failed, on its own Via.
func (v *Device) acknowledge(m message, answer *wire.Message) error {
	to := answer.Get("To")
	if v.dialect.BareACK && answer.Status() == 487 {
		to = m["to"]
	}
	ack := message{"method": "ACK", "ruri": m["ruri"], "via": m["via"], "from": m["from"], "to": to, "callid": m["callid"], "cseq": m["cseq"]}
	return v.end.Send(v.words(v.dialect.Request, ack))
}

// prove makes the credentials line. What is hashed is what the line says.
func (v *Device) prove(m message, answer *wire.Message) error {
	c, err := answer.Challenge("")
	if err != nil {
		return err
	}
	said := message{"realm": c.Realm, "nonce": c.Nonce, "uri": m["ruri"], "cnonce": random(4), "response": "{response}"}
	line := strings.TrimSuffix(string(v.words(v.dialect.Credentials, said)), "\r\n")
	parameter := func(key string) string { return wire.DigestParam(line, key) }
	response := c.Response(wire.Proof{User: parameter("username"), Password: v.who.Password, Method: m["method"],
		URI: parameter("uri"), QOP: parameter("qop"), NC: parameter("nc"), CNonce: parameter("cnonce")})
	name := "Authorization: "
	if answer.Status() == 407 {
		name = "Proxy-Authorization: "
	}
	m["credentials"] = name + strings.Replace(line, "{response}", response, 1)
	return nil
}

// answer begins a response: Vias, From, To, Call-ID and CSeq as they came (RFC 3261
// §8.2.6.2).
func (v *Device) answer(m *wire.Message, code int, reason string) message {
	words := message{"status": fmt.Sprint(code), "reason": reason, "from": m.Get("From"), "to": m.Get("To"), "callid": m.Get("Call-ID"),
		"cseq": fmt.Sprint(m.CSeq()), "method": m.Method()}
	var vias []string
	for _, s := range m.Values("Via") {
		vias = append(vias, "Via: "+s)
	}
	words["vias"] = strings.Join(vias, "\r\n")
	return words
}

// Subscribe asks to be told of an event of its own user, with a body where one goes with
// it, and waits for the first notice (RFC 6665 §4.1.2).
func (v *Device) Subscribe(ctx context.Context, event, accept string, body ...string) (*wire.Message, error) {
	own := "sip:" + v.who.User + "@" + v.who.Domain
	m := message{"method": "SUBSCRIBE", "ruri": own, "callid": v.fresh(v.dialect.CallID), "expires": "Expires: 600", "contact": "Contact: " + v.contact(),
		"to": "<" + own + ">", "from": tagged(v.own(), random(4)), "content": "Event: " + event + "\r\nAccept: " + accept, "body": strings.Join(body, "")}
	if m["body"] != "" {
		m["content"] += "\r\nContent-Type: " + accept
	}
	answer, err := v.request(ctx, m, v.dialect.Request)
	if err != nil {
		return nil, err
	}
	if answer.Status() >= 300 {
		return nil, fmt.Errorf("%s subscribes to %s and gets %q", v.dialect.Name, event, answer.Start)
	}
	return v.Told(ctx)
}

// Told waits for a notice outside of calls and answers it.
func (v *Device) Told(ctx context.Context) (*wire.Message, error) {
	m, err := v.expect(ctx, "NOTIFY", func(m *wire.Message) bool { return m.IsRequest() && m.Method() == "NOTIFY" })
	if err != nil {
		return nil, err
	}
	return m, v.end.Reply(m, v.words(v.dialect.Response, v.answer(m, 200, "OK")))
}
