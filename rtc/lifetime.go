package rtc

import (
	"fmt"
	"time"

	"tandem/rtc/sip"
)

// Lifetime bounds how long what a request asks for may last: a subscription or a
// publication.
type Lifetime struct {
	Default time.Duration // without Expires
	Least   time.Duration // a shorter one is refused with 423
	Longest time.Duration // a longer one is cut
}

// Asked returns the lifetime for the Expires of a request; 0 asks for an end. The error
// is the *Status to answer.
func (l Lifetime) Asked(m *sip.Message) (time.Duration, error) {
	n, ok := m.Expires()
	if !ok {
		if m.Has(sip.HdrExpires) {
			return 0, &Status{Code: 400, Reason: "Bad Expires"}
		}
		return l.Default, nil
	}
	d := time.Duration(n) * time.Second
	if d > 0 && d < l.Least && d < time.Hour { // RFC 6665 §4.2.1.1, RFC 3903 §6
		return 0, &Status{Code: 423, Header: fmt.Appendf(nil, "Min-Expires: %d\r\n", int(l.Least/time.Second))}
	}
	return min(d, l.Longest), nil
}
