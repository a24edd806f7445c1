package features

import (
	"bytes"
	"net/netip"
	"slices"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Errands answers what Cisco's enterprise firmware asks beside its calls and cannot
// prove that it asks: whether it may come back after a failure, and alarms that it
// reports. Each is a REFER outside dialogs. Nothing is done for them, and the answer
// keeps the phone going; so it is given to whoever is where phones are, before anybody
// is asked for credentials.
type Errands struct{ Networks []netip.Prefix }

// Serve implements rtc.Handler.
func (e Errands) Serve(r *rtc.Request) error {
	if r.Method() != sip.REFER || r.ToTag() != nil || !isErrand(r.Message) {
		return rtc.Next
	}
	from := r.Source.Addr().Unmap()
	if !slices.ContainsFunc(e.Networks, func(p netip.Prefix) bool { return p.Contains(from) }) {
		return rtc.Next
	}
	r.Respond(202, "Accepted", nil)
	return nil
}

func isErrand(m *sip.Message) bool {
	return bytes.Contains(m.Get(sip.HdrReferTo), []byte("urn:x-cisco-remotecc:token-registration")) ||
		bytes.HasPrefix(bytes.ToLower(m.Get(sip.HdrContentType)), []byte("application/x-cisco-alarm+xml"))
}
