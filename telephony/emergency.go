package telephony

import (
	"crypto/rand"
	"fmt"
	"iter"
	"slices"

	"tandem/gateways"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/telephony/number"
)

// Emergency is how emergency calls leave a site.
type Emergency struct {
	Trunk    string // or trunk group, "" for any that serves the number
	Caller   string // number shown, E.164: by which the site is called back; "" for the caller's own
	Location string // URI sent as Geolocation (RFC 6442) when the phone sends none
}

// toEmergency routes an emergency call: by the site's trunk first, then by all that
// serve the number, then by any at all. No policy, limit of calls or channel and no
// wish for privacy stands against it.
func (p *Plan) toEmergency(route Route, site string, n number.Number) (Route, error) {
	var how Emergency
	if p.Emergency != nil {
		how = p.Emergency(site)
	}
	route.number, route.kind = n.String(), number.ClassEmergency.String()
	route.emergency, route.caller.private = true, false
	if how.Caller != "" {
		route.caller.number = how.Caller
	}
	route.location = how.Location
	seen := map[*gateways.Trunk]bool{}
	for _, list := range []iter.Seq[*gateways.Trunk]{p.Trunks().Via(how.Trunk), p.Trunks().Choose(route.number), p.anyTrunk} {
		for trunk := range list {
			if !seen[trunk] && !trunk.Disabled {
				seen[trunk] = true
				route.Rounds = append(route.Rounds, roundsBy(trunk, route.number, nil)...)
			}
		}
	}
	if len(route.Rounds) == 0 {
		return route, &rtc.Status{Code: 404, Header: warning(p.Domain, "there is no trunk to make an emergency call by")}
	}
	return route, nil
}

// anyTrunk yields all trunks.
func (p *Plan) anyTrunk(yield func(*gateways.Trunk) bool) {
	for _, t := range p.Trunks().All() {
		if !yield(t) {
			return
		}
	}
}

// place is the part of an INVITE that says where the caller is (RFC 6442 §3, RFC
// 4119), nil without one.
func place(invite *sip.Message) *sip.Part {
	part, ok := invite.FindPart("application/pidf+xml")
	if !ok || len(part.Body) > maxPlace {
		return nil
	}
	return &sip.Part{Header: slices.Clone(part.Header), Body: slices.Clone(part.Body)}
}

// maxPlace bounds where a caller is, in octets.
const maxPlace = 8192

// located is an offer together with the place of the caller, to which Geolocation
// points by the Content-ID.
func located(offer []byte, at *sip.Part) dialog.Content {
	if at == nil {
		return description(offer)
	}
	boundary := rand.Text()
	var b []byte
	b = fmt.Appendf(b, "--%s\r\nContent-Type: application/sdp\r\n\r\n%s\r\n--%s\r\nContent-Type: application/pidf+xml\r\n", boundary, offer, boundary)
	if id := at.Get("Content-ID"); id != nil {
		b = fmt.Appendf(b, "Content-ID: %s\r\n", id)
	}
	b = fmt.Appendf(b, "\r\n%s\r\n--%s--\r\n", at.Body, boundary)
	return dialog.Content{Type: "multipart/mixed;boundary=" + boundary, Body: b}
}

// geolocation is where a site is, when the caller did not say where he is himself.
func (c *Call) geolocation() []byte {
	if c.route.location == "" || hasLine(c.passed, "Geolocation: ") {
		return nil
	}
	return []byte("Geolocation: <" + c.route.location + ">\r\nGeolocation-Routing: yes\r\n") // RFC 6442 §4.2
}
