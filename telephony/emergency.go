package telephony

import (
	"crypto/rand"
	"fmt"
	"slices"

	"tandem/rtc/dialog"
	"tandem/rtc/sip"
)

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
	if c.route.Location == "" || hasLine(c.passed, "Geolocation: ") {
		return nil
	}
	return []byte("Geolocation: <" + c.route.Location + ">\r\nGeolocation-Routing: yes\r\n") // RFC 6442 §4.2
}
