package sdp

import (
	"errors"
	"fmt"
)

// Error says what is wrong with a description, and where.
type Error struct {
	Line    int    // from 1; 0 when it concerns the whole
	Reason  string // what is wrong and what would be right
	Status  int    // SIP status to answer with: 400 malformed, 488 not acceptable here
	Warning int    // code for a Warning header (RFC 3261 §20.43); 0: none
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return "sdp: " + e.Reason
	}
	return fmt.Sprintf("sdp line %d: %s", e.Line, e.Reason)
}

// SIP statuses an Error maps to.
const (
	statusMalformed     = 400
	statusNotAcceptable = 488
)

// Warning codes (RFC 3261 §20.43).
const (
	warnNetwork     = 300 // incompatible network protocol
	warnMediaType   = 304 // media type not available
	warnMediaFormat = 305 // incompatible media format
	warnOther       = 399
)

// ErrPending means that an offer waits for its answer, so that no other may be
// made (RFC 3264 §4). A re-INVITE that meets it is answered by 491.
var ErrPending = errors.New("sdp: an offer waits for its answer")

// ErrNoOffer means that an answer was given or wanted where there is no offer.
var ErrNoOffer = errors.New("sdp: there is no offer to answer")

func malformed(line int, format string, args ...any) *Error {
	return &Error{Line: line, Reason: fmt.Sprintf(format, args...), Status: statusMalformed}
}

func unacceptable(line, warning int, format string, args ...any) *Error {
	return &Error{Line: line, Reason: fmt.Sprintf(format, args...), Status: statusNotAcceptable, Warning: warning}
}

// quote shows a piece of a description in a reason, shortened: it comes from
// outside and ends in logs and headers.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		return fmt.Sprintf("%q...", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
