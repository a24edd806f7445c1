package suite

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tandem/interop/behaviour"
	"tandem/interop/wire"
)

// send sends a request of a device.
func (b *bench) send(ctx context.Context, d *actor, r *behaviour.Request, before string) error {
	text, err := b.request(ctx, d, r)
	if err != nil {
		return err
	}
	if err := b.post(ctx, d, []byte(before+text)); err != nil {
		return err
	}
	if d.sent, err = wire.Split([]byte(text)); err == nil && d.sent.Method() == "INVITE" {
		d.inviting = d.sent
	}
	return err
}

// request words a request.
func (b *bench) request(ctx context.Context, d *actor, r *behaviour.Request) (string, error) {
	method := r.Method
	if r.Text != "" {
		method, _, _ = strings.Cut(r.Text, " ")
	}
	switch method {
	case "ACK", "CANCEL":
	case "INVITE":
		d.cseq++
		d.invite = d.cseq
	default:
		d.cseq++
	}
	text := r.Text
	if text == "" {
		var err error
		if text, err = b.usual(ctx, d, r); err != nil {
			return "", err
		}
	} else {
		text = b.fill(ctx, d, crlf(text))
	}
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	if r.Credentials != "" {
		uri, _, _ := strings.Cut(strings.TrimPrefix(head, method+" "), " ")
		line, err := b.credentials(ctx, d, r.Credentials, method, uri)
		if err != nil {
			return "", err
		}
		head += "\r\n" + line
	}
	return strings.Replace(head, "{length}", fmt.Sprint(len(body)), 1) + "\r\n\r\n" + body, nil
}

// usual is a request in the form most devices give it, with the lines of r in
// the place of those of the same name.
func (b *bench) usual(ctx context.Context, d *actor, r *behaviour.Request) (string, error) {
	body, err := content(r.Body, r.BodyHex)
	if err != nil {
		return "", err
	}
	body = b.fill(ctx, d, body)
	uri, number := b.fill(ctx, d, r.URI), d.cseq
	from, to, call := fmt.Sprintf("<sip:%s@%s>;tag=%s", d.name, d.host, d.tag), "<"+uri+">", d.call
	var routes []string
	if r.Dialog {
		if d.dialog == nil {
			return "", fmt.Errorf("%s has no dialog to send %s in: no response with a tag and a Contact came", d.who, r.Method)
		}
		if uri, routes, err = d.dialog.place(r.Strict); err != nil {
			return "", err
		}
		from, to, call = d.dialog.local, d.dialog.other, d.dialog.call
	}
	if r.Method == "ACK" || r.Method == "CANCEL" {
		number = d.invite
	}
	lines := []string{
		fmt.Sprintf("Via: SIP/2.0/%s %s;branch=z9hG4bK%s", d.Proto, d.Local, token()),
		"Max-Forwards: 70", "From: " + from, "To: " + to, "Call-ID: " + call,
		fmt.Sprintf("CSeq: %d %s", number, r.Method), fmt.Sprintf("Content-Length: %d", len(body)),
	}
	lines = append(lines, routes...)
	if r.Type != "" {
		lines = append(lines, "Content-Type: "+r.Type)
	}
	lines = replace(lines, b.fillAll(ctx, d, r.Lines), r.Without)
	return r.Method + " " + uri + " SIP/2.0\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n" + body, nil
}

// replace puts lines in the place of those of the same name; with + in front
// they are added, as are those of a new name.
func replace(usual, own, without []string) []string {
	usual = slices.DeleteFunc(usual, func(l string) bool {
		return slices.ContainsFunc(without, func(w string) bool { return name(l) == wire.Canonical(w) })
	})
	for _, l := range own {
		if added, ok := strings.CutPrefix(l, "+"); ok {
			usual = append(usual, added)
			continue
		}
		if i := slices.IndexFunc(usual, func(u string) bool { return name(u) == name(l) }); i >= 0 {
			usual[i] = l
		} else {
			usual = append(usual, l)
		}
	}
	return usual
}

func name(line string) string {
	n, _, _ := strings.Cut(line, ":")
	return wire.Canonical(n)
}

// crlf ends every line with CRLF, and the head with an empty line.
func crlf(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	if !strings.Contains(text, "\r\n\r\n") {
		text = strings.TrimSuffix(text, "\r\n") + "\r\n\r\n"
	}
	return text
}

// content is a body: text, whose lines end with CRLF, or octets.
func content(text, octets string) (string, error) {
	if octets == "" {
		return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n"), nil
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(octets, " ", ""))
	return string(raw), err
}

// usualCredentials is how most devices answer a challenge.
const usualCredentials = `Digest username="{user}",realm="{realm}",nonce="{nonce}",uri="%s",response="{response}",qop=auth,nc=00000001,cnonce="%s",algorithm=MD5`

// credentials is the line that answers the last challenge. What is hashed is
// what the line says: its username, uri, qop, nc, cnonce and algorithm.
func (b *bench) credentials(ctx context.Context, d *actor, form, method, uri string) (string, error) {
	if d.challenge == nil {
		return "", errors.New("no challenge came that could be answered")
	}
	account := b.accounts[d.who]
	if form == "usual" {
		form = fmt.Sprintf(usualCredentials, uri, token())
		if d.challenge.Status() == 407 {
			form = "Proxy-Authorization: " + form
		} else {
			form = "Authorization: " + form
		}
		form = strings.ReplaceAll(form, "{user}", account.User)
	}
	said := func(key string) string { return wire.DigestParam(form, key) }
	c, err := d.challenge.Challenge(map[bool]string{true: "SHA-256"}[strings.EqualFold(said("algorithm"), "SHA-256")])
	if err != nil {
		return "", err
	}
	form = behaviour.Fill(form, func(v string) (string, bool) {
		switch v {
		case "realm":
			return c.Realm, true
		case "nonce":
			return c.Nonce, true
		case "opaque":
			return c.Opaque, true
		case "response":
			return "", false
		}
		return b.value(ctx, d)(v)
	})
	response := c.Response(wire.Proof{User: said("username"), Password: account.Password, Method: method,
		URI: said("uri"), QOP: said("qop"), NC: said("nc"), CNonce: said("cnonce")})
	return strings.Replace(form, "{response}", response, 1), nil
}
