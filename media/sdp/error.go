package sdp

import "fmt"

// Error says what is wrong with a description, and where.
type Error struct {
	Line    int    // from 1; 0 for the whole description
	Reason  string // what is wrong and what would be correct
	Status  int    // SIP status to answer with: 400 malformed, 488 not acceptable here
	Warning int    // code for a Warning header (RFC 3261 §20.43); 0: none
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return "sdp: " + e.Reason
	}
	return fmt.Sprintf("sdp line %d: %s", e.Line, e.Reason)
}

// The SIP statuses of an Error.
const (
	statusMalformed     = 400
	statusNotAcceptable = 488
)

// Warning codes (RFC 3261 §20.43).
const (
	warnNetwork = 300 // incompatible network protocol
	warnOther   = 399
)

func malformed(line int, format string, args ...any) *Error {
	return &Error{Line: line, Reason: fmt.Sprintf(format, args...), Status: statusMalformed}
}

func unacceptable(line, warning int, format string, args ...any) *Error {
	return &Error{Line: line, Reason: fmt.Sprintf(format, args...), Status: statusNotAcceptable, Warning: warning}
}

// Quote shortens a piece of a description for a reason: it comes from outside and goes
// into logs and headers.
func Quote(s string) string {
	const most = 40
	if len(s) > most {
		return fmt.Sprintf("%q...", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
