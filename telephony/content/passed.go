package content

import "tandem/rtc/sip"

// passedOn are the headers of an INVITE that are of use to the other side and
// say nothing about the network: they cross the exchange unchanged. None has a phone
// answer by itself (Answer-Mode, Alert-Info, Call-Info): who may open a microphone is
// what the codes of intercom and paging ask.
var passedOn = [...]string{
	"Subject", "Priority", "Accept-Language", "Accept-Contact", "Reject-Contact", "Request-Disposition",
	"User-to-User",                       // RFC 7433
	"P-Early-Media",                      // RFC 5009
	"Geolocation", "Geolocation-Routing", // RFC 6442
	"Cisco-Guid", // of Cisco gateways, for their own records
	"Session-ID", // RFC 7989
	"Content-Language",
}

// maxPassed bounds the octets that cross.
const maxPassed = 2048

// Passed are the header lines of an INVITE that those called get to see.
func Passed(m *sip.Message) (lines []byte) {
	for i := range m.Len() {
		h := m.At(i)
		for _, name := range passedOn {
			if sip.EqualFold(h.Name, name) && len(lines)+len(h.Name)+len(h.Value) < maxPassed {
				lines = append(append(append(append(lines, h.Name...), ": "...), h.Value...), "\r\n"...)
			}
		}
	}
	return lines
}

// AutoAnswer has a phone answer by itself: RFC 5373 §4, and what makers read instead.
const AutoAnswer = "Answer-Mode: Auto\r\n" +
	"Call-Info: <sip:localhost>;answer-after=0\r\n" +
	"Alert-Info: <http://localhost>;info=alert-autoanswer;delay=0\r\n"
