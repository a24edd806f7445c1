package features

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"tandem/rtc"
)

// ciscoType is the media type of what Cisco's enterprise firmware is told.
const ciscoType = "application/x-cisco-remotecc-request+xml"

// CiscoLine is what a line of such a phone is told.
type CiscoLine struct {
	State
	New, Old int // messages
}

// Cisco writes, as the body of a REFER, what Cisco's enterprise firmware is told of its
// lines. Do-not-disturb is the phone's, and that of its first line. All parts are
// there each time: the firmware stumbles over a message without one.
func Cisco(lines []CiscoLine) (mediaType string, body []byte) {
	var b bytes.Buffer
	part := func(inner string) {
		fmt.Fprintf(&b, "--%s\r\nContent-Type: %s\r\n\r\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<x-cisco-remotecc-request>%s</x-cisco-remotecc-request>\n\r\n", boundary, ciscoType, inner)
	}
	state := "disable"
	if len(lines) > 0 && lines[0].DoNotDisturb {
		state = "enable"
	}
	part("<dndupdate><state>" + state + "</state><option>callreject</option></dndupdate>")
	part("<hlogupdate><status>on</status></hlogupdate>")
	var contacts strings.Builder
	for i, l := range lines {
		waiting := "no"
		if l.New > 0 {
			waiting = "yes"
		}
		fmt.Fprintf(&contacts, `<contact line="%d"><mwi>%s</mwi><emwi><voice-msg new="%d" old="%d"/></emwi><cfwdallupdate><fwdaddress>%s</fwdaddress><tovoicemail>off</tovoicemail></cfwdallupdate></contact>`,
			i+1, waiting, l.New, l.Old, text(l.To[Always]))
	}
	part("<bulkupdate>" + contacts.String() + "</bulkupdate>")
	b.WriteString("--" + boundary + "--\r\n")
	return "multipart/mixed;boundary=" + boundary, b.Bytes()
}

// published takes do-not-disturb out of what such a phone publishes when its key is
// pressed: it stands among the activities of a presence document.
func (s *Sync) published(r *rtc.Request) error {
	if r.Identity == nil || s.publishes == nil || !s.publishes(r.Identity.Device) || len(r.Body()) == 0 {
		return rtc.Next
	}
	if pkg, _ := r.Event(); string(pkg) != "presence" {
		return rtc.Next
	}
	on, err := readPresence(r.Body())
	if err != nil {
		return bad(err)
	}
	return s.take(job{r: r, user: r.Identity.AOR, change: Change{DoNotDisturb: &on}, published: true})
}

// accept answers a PUBLISH (RFC 3903 §6). There is nothing to refresh: what counts is
// the setting.
func accept(r *rtc.Request) {
	expires, ok := r.Expires()
	if !ok || expires > 3600 {
		expires = 3600
	}
	r.Tx.Lane().Do(func() { r.Respond(200, "", fmt.Appendf(nil, "SIP-ETag: dnd\r\nExpires: %d\r\n", expires)) })
}

// readPresence reads whether a presence document has the activity dnd.
func readPresence(body []byte) (on bool, err error) {
	if len(body) > maxBody {
		return false, errors.New("it is too large")
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	root := ""
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, err
		}
		if e, ok := t.(xml.StartElement); ok {
			if root == "" {
				root = e.Name.Local
			}
			on = on || e.Name.Local == "dnd"
		}
	}
	if root != "presence" {
		return false, errors.New("it is not a presence document")
	}
	return on, nil
}
