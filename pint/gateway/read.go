package gateway

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tandem/pint"
	"tandem/pint/multipart"
	"tandem/pint/party"
	"tandem/pint/sdp"
	"tandem/pint/service"
	"tandem/pint/uri"
	"tandem/rtc"
	"tandem/rtc/sip"
)

// read makes an order of an INVITE. The error is a *pint.Refusal: a row of the
// table in docs/pint.md.
func (g *Gateway) read(r *rtc.Request) (pint.Order, error) {
	o := pint.Order{Door: pint.SIP, CallID: string(r.CallID()), Client: r.Source.String()}
	if r.Identity != nil {
		o.By = r.Identity.AOR
	}
	svc, err := g.service(r.Message, &o)
	if err != nil {
		return o, err
	}
	body, err := multipart.Split(r.Get(sip.HdrContentType), r.Body())
	if err != nil {
		return o, unreadable(err)
	}
	desc, err := sdp.Parse(body.Description)
	if err != nil {
		return o, pint.Refuse(400, "%v", err)
	}
	o.Origin, o.Description = desc.Origin.Key(), string(withoutSecrets(desc).Append(nil))
	o.At, o.Until = desc.StartTime(), desc.StopTime()
	o.Language, _ = desc.Find(&desc.Media[0], "lang")
	if first, ok := desc.Find(&desc.Media[0], "X-first-leg"); ok {
		o.First = service.Leg(strings.ToLower(first))
	}
	if record, ok := desc.Find(&desc.Media[0], "X-record"); ok {
		o.Record = strings.EqualFold(record, "true")
	}
	if err := g.callee(r.Message, svc, &o); err != nil {
		return o, err
	}
	if err := g.called(desc, &o); err != nil {
		return o, err
	}
	return o, content(desc, body, svc, &o)
}

// service finds the service that the Request-URI names.
func (g *Gateway) service(m *sip.Message, o *pint.Order) (*service.Service, error) {
	ruri, perr := sip.ParseURI(m.RequestURI())
	if perr != nil {
		return nil, pint.Refuse(400, "Request-URI: %s", perr.Reason)
	}
	u, err := uri.Of(ruri)
	if err != nil {
		return nil, pint.Refuse(400, "Request-URI: %v", err)
	}
	svc := g.exec.Services().Find(u.User)
	if svc == nil {
		return nil, pint.Refuse(404, "there is no service %.40s here", u.User)
	}
	o.Service, o.Kind, o.Provider = svc.Name, svc.Kind, u.Provider
	return svc, g.required(u.Required, &u.Party)
}

// callee reads the A party, who stands in To. For services that need none, To
// repeats the Request-URI.
func (g *Gateway) callee(m *sip.Message, svc *service.Service, o *pint.Order) error {
	if svc.Kind != service.Call || svc.Party != "" {
		return nil
	}
	to, ok := m.To()
	if !ok {
		return pint.Refuse(400, "To cannot be read")
	}
	parsed, perr := sip.ParseURI(to.URI)
	if perr != nil {
		return pint.Refuse(400, "To: %s", perr.Reason)
	}
	if !to.Bracketed { // RFC 2848 means those of the URI, which RFC 3261 §20.10 takes for the header's
		parsed.Params = slices.Concat(parsed.Params, to.Params)
	}
	u, err := uri.Of(parsed)
	if err != nil {
		return notUnderstood(err)
	}
	if g.exec.Services().Find(u.User) == nil { // else it repeats the service
		o.A = u.Party
		if o.Provider == "" {
			o.Provider = u.Provider
		}
	}
	return g.required(u.Required, &u.Party)
}

// userAddress is the private address type (RFC 2848 §3.4.1) of users who have no number:
// c=TN X-sip alice@example.com.
const userAddress = "X-sip"

// called reads the B party, whose number is the address of the description.
func (g *Gateway) called(desc *sdp.Description, o *pint.Order) error {
	m := &desc.Media[0]
	a := desc.Of(m)
	switch {
	case a == nil:
		return pint.Refuse(400, "c= is missing: write c=TN RFC2543 and the number")
	case a.Net != "TN":
		return &pint.Refusal{Code: 606, Warn: 300, Text: fmt.Sprintf("Incompatible network protocol: %.20s: the telephone network is TN", a.Net)}
	case a.Type == "RFC2543":
		n, err := party.ParseNumber(a.Value)
		if err != nil {
			return notUnderstood(err)
		}
		o.B.Number = n
	case strings.EqualFold(a.Type, userAddress):
		o.B.Address = "sip:" + a.Value
	default:
		return &pint.Refusal{Code: 606, Warn: 301, Text: fmt.Sprintf("Incompatible network address formats: %.40s: numbers are written as RFC2543, users as %s", a.Type, userAddress)}
	}
	for _, list := range [][]sdp.Attribute{desc.Attributes, m.Attributes} {
		for _, at := range list {
			if strings.EqualFold(at.Name, "tsp") && o.Provider == "" {
				o.Provider = at.Value
			}
			if _, err := o.B.Set(at.Name, at.Value); err != nil {
				if demanded(desc, at.Name) {
					return &pint.Refusal{Code: 606, Text: err.Error(), Unsupported: []string{at.Name}}
				}
				return pint.Refuse(400, "%v", err)
			}
		}
	}
	return g.required(desc.Required(), &o.B)
}

func demanded(desc *sdp.Description, name string) bool {
	return slices.ContainsFunc(desc.Required(), func(n string) bool { return strings.EqualFold(n, name) })
}

// required judges what a request demands (RFC 2848 §3.4.4): an attribute nobody
// knows is 420, one that cannot be fulfilled 606.
func (g *Gateway) required(names []string, p *party.Party) error {
	var unknown []string
	for _, n := range names {
		if !party.Known(n) {
			unknown = append(unknown, n)
		}
	}
	if unknown != nil {
		return &pint.Refusal{Code: 420, Unsupported: unknown, Text: "attributes not understood: " + strings.Join(unknown, ", ")}
	}
	for _, n := range names {
		if err := p.Able(n, g.cfg.Contexts); err != nil {
			return &pint.Refusal{Code: 606, Unsupported: []string{n}, Text: err.Error()}
		}
	}
	return nil
}

// notUnderstood is the answer to a number that cannot be read (RFC 2848 §4.3).
func notUnderstood(err error) *pint.Refusal {
	return pint.Refuse(606, "Network Address Not Understood: %v", err)
}

func unreadable(err error) *pint.Refusal {
	code := 400
	switch {
	case errors.Is(err, multipart.ErrType):
		code = 415
	case errors.Is(err, multipart.ErrTooLarge):
		code = 413
	}
	return &pint.Refusal{Code: code, Text: err.Error()}
}

// content reads what is to be spoken, played or sent, and whether the media fit
// the service.
func content(desc *sdp.Description, body *multipart.Body, svc *service.Service, o *pint.Order) error {
	named := map[string]bool{}
	for i := range desc.Media {
		m := &desc.Media[i]
		if err := fits(m, svc); err != nil {
			return err
		}
		if svc.Kind == service.Call {
			continue
		}
		list, err := pieces(m, body, named)
		if err != nil {
			return err
		}
		o.Content = append(o.Content, list...)
	}
	if id := body.Unnamed(named); id != "" {
		return pint.Refuse(400, "no spr: names the part %.60s", id)
	}
	return nil
}

// fits reports whether a service can do what an m= line asks for.
func fits(m *sdp.Media, svc *service.Service) error {
	want := "voice"
	if svc.Kind == service.Fax || svc.Kind == service.FaxBack {
		want = "fax"
	}
	switch {
	case m.Port == 0:
		return pint.Refuse(606, "the request is on hold (port 0): ask for it when it is wanted")
	case m.Proto != want: // RFC 2848 §5.3: a broker tries the next gateway
		return &pint.Refusal{Code: 501, Warn: 302, Text: fmt.Sprintf("Incompatible transport protocol: %.20s: the service %s does %s", m.Proto, svc.Name, want)}
	case svc.Kind == service.Call && m.Type != "audio":
		return &pint.Refusal{Code: 415, Warn: 304, Text: fmt.Sprintf("Media type not available: %.20s: a call has audio", m.Type)}
	case svc.Kind == service.Hear && (m.Type == "image" || m.Type == "video"):
		return &pint.Refusal{Code: 415, Warn: 305, Text: fmt.Sprintf("Incompatible media format: %.20s: it cannot be heard", strings.Join(append([]string{m.Type}, m.Formats...), " "))}
	}
	return nil
}

// pieces are the content of one m= line: the sources of the first format that has
// any.
func pieces(m *sdp.Media, body *multipart.Body, named map[string]bool) (list []pint.Content, err error) {
	for _, format := range m.Formats {
		sources, err := m.Sources(format)
		if err != nil {
			return nil, pint.Refuse(400, "%v", err)
		}
		var pieces []pint.Content
		for _, s := range sources {
			c := pint.Content{Media: m.Type + "/" + strings.ToLower(format)}
			switch s.Kind {
			case "uri":
				c.URI = s.Value
			case "opr":
				c.Opaque = s.Value
			default:
				media, text, ok := body.Part(s.Value)
				if !ok {
					return nil, pint.Refuse(400, "no part has the Content-ID %.60s that spr: names", s.Value)
				}
				named[strings.Trim(s.Value, "<>")] = true
				c.Media, c.Part = media, slices.Clone(text)
			}
			pieces = append(pieces, c)
		}
		if list == nil { // formats are alternatives, the first is most wanted
			list = pieces
		}
	}
	return list, nil
}

// withoutSecrets is a description without what only the telephone side understands:
// it may be a card number or PIN (RFC 2848 §5.1.3).
func withoutSecrets(d *sdp.Description) *sdp.Description {
	c := *d
	c.Media = slices.Clone(d.Media)
	for i := range c.Media {
		m := &c.Media[i]
		m.Attributes = slices.Clone(m.Attributes)
		for k, a := range m.Attributes {
			if strings.EqualFold(a.Name, "fmtp") {
				m.Attributes[k].Value = withoutOpaque(a.Value)
			}
		}
	}
	return &c
}

// withoutOpaque leaves of an fmtp its sources, and of opr: not what it says, which may
// hold blanks.
func withoutOpaque(fmtp string) string {
	var kept []string
	opaque := false
	for f := range strings.FieldsSeq(fmtp) {
		kind, _, named := strings.Cut(strings.ToLower(f), ":")
		switch {
		case named && kind == "opr":
			opaque, f = true, "opr:"
		case named && (kind == "uri" || kind == "spr") || f[0] == ';':
			opaque = false
		case opaque:
			continue
		}
		kept = append(kept, f)
	}
	return strings.Join(kept, " ")
}
