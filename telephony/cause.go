package telephony

import (
	"bytes"
	"strconv"

	"tandem/rtc/sip"
)

// The Q.850 causes that calls end with here.
const (
	causeNormal      = 16
	causeUnspecified = 31
)

// causes are the Q.850 causes of SIP statuses (RFC 3398 §8.2.6.1).
var causes = map[int]int{
	400: 41, 401: 21, 402: 21, 403: 21, 404: 1, 405: 63, 406: 79, 407: 21, 408: 102, 410: 22, 413: 127, 414: 127,
	415: 79, 416: 127, 420: 127, 421: 127, 423: 127, 480: 18, 481: 41, 482: 25, 483: 25, 484: 28, 485: 1, 486: 17,
	487: causeNormal, 488: 65, 500: 41, 501: 79, 502: 38, 503: 41, 504: 102, 505: 127, 513: 127,
	600: 17, 603: 21, 604: 1, 606: 65,
}

// causeOf is the Q.850 cause of the end of a call. A cause that a gateway gave
// counts more than the one its status maps to (RFC 3398 §7.2.4).
func causeOf(e End) int {
	if cause, ok := q850([]byte(e.Reason)); ok {
		return cause
	}
	switch cause, ok := causes[e.Code]; {
	case e.Code >= 200 && e.Code < 300:
		return causeNormal
	case ok:
		return cause
	}
	return causeUnspecified
}

// q850 reads the cause out of a Reason value such as
// `Q.850;cause=17;text="User busy"` (RFC 3326 §2).
func q850(reason []byte) (int, bool) {
	at := bytes.IndexByte(reason, ';')
	if at < 0 || !sip.EqualFold(bytes.TrimSpace(reason[:at]), "Q.850") {
		return 0, false
	}
	value, ok := sip.Param(reason[at:], "cause")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(string(value))
	return n, err == nil && n > 0 && n < 128
}
