package content

import (
	"crypto/rand"
	"fmt"
	"slices"

	"tandem/rtc/dialog"
	"tandem/rtc/sip"
)

// Place is a copy of the part of an INVITE that says where the caller is (RFC 6442 §3,
// RFC 4119), nil without one.
func Place(invite *sip.Message) *sip.Part {
	part, ok := invite.FindPart("application/pidf+xml")
	if !ok || len(part.Body) > maxPlace {
		return nil
	}
	return &sip.Part{Header: slices.Clone(part.Header), Body: slices.Clone(part.Body)}
}

// maxPlace bounds where a caller is, in octets.
const maxPlace = 8192

// Located is an offer together with the place of the caller, which may be nil.
// Geolocation points to it by the Content-ID.
func Located(offer []byte, at *sip.Part) dialog.Content {
	if at == nil {
		return Of(offer)
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

// Geolocation is the line that says where a site is (RFC 6442 §4.2): nil when the caller,
// whose lines are passed, has said himself where he is.
func Geolocation(site string, passed []byte) []byte {
	if site == "" || hasLine(passed, "Geolocation: ") {
		return nil
	}
	return []byte("Geolocation: <" + site + ">\r\nGeolocation-Routing: yes\r\n")
}
