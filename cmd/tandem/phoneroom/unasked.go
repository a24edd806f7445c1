package phoneroom

import (
	"errors"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Unasked is a handler that refuses what has a phone fetch its files or restart: a NOTIFY
// for which there is no subscription (RFC 6665 §4.1.3), of an event by which this server
// says so to one of the families. It is not for other users or gateways to say.
func (r *Room) Unasked(q *rtc.Request) error {
	if q.Method() != sip.NOTIFY || q.ToTag() != nil || trustedServer(q.Identity) {
		return rtc.Next
	}
	event := sip.ParseParted(q.Get(sip.HdrEvent)).Value
	uri, err := sip.ParseURI(q.RequestURI())
	if err != nil || uri.Kind != sip.URITel && !r.c.Ours(uri.Host, uri.Port) || !r.commands(event) {
		return rtc.Next
	}
	return &rtc.Status{Code: 481, Reason: "Subscription Does Not Exist", Err: errors.New("nobody has subscribed to " + string(event))}
}

func trustedServer(id *rtc.Identity) bool {
	return id != nil && id.Method == rtc.AuthTrusted && id.AOR == "" && id.Peer == ""
}

// commands reports whether the phones of a family fetch their files or restart by an
// event.
func (r *Room) commands(event []byte) bool {
	for _, f := range r.families.Load().All() {
		for _, own := range []string{f.Resync.Event, f.Reboot.Event} {
			if own != "" && sip.EqualFold(event, string(sip.ParseParted([]byte(own)).Value)) {
				return true
			}
		}
	}
	return false
}
