package phoneroom

import (
	"errors"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Unasked is a handler that refuses a NOTIFY for which there is no subscription (RFC 6665
// §4.1.3), but for one about waiting messages: others have a phone restart, or fetch its
// files. That is for this server to say, not for other users or gateways.
func (r *Room) Unasked(q *rtc.Request) error {
	if q.Method() != sip.NOTIFY || q.ToTag() != nil {
		return rtc.Next
	}
	event := sip.ParseParted(q.Get(sip.HdrEvent))
	uri, err := sip.ParseURI(q.RequestURI())
	if err != nil || uri.Kind != sip.URITel && !r.c.Ours(uri.Host, uri.Port) || sip.EqualFold(event.Value, "message-summary") {
		return rtc.Next
	}
	return &rtc.Status{Code: 481, Reason: "Subscription Does Not Exist", Err: errors.New("nobody has subscribed to " + string(event.Value))}
}
