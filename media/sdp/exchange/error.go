package exchange

import (
	"errors"
	"fmt"

	"tandem/media/sdp"
)

// ErrPending means that an offer waits for its answer, so that no other may be made
// (RFC 3264 §4). The response to a re-INVITE is then 491.
var ErrPending = errors.New("sdp: an offer waits for its answer")

// ErrNoOffer means that there is no offer to answer.
var ErrNoOffer = errors.New("sdp: there is no offer to answer")

// Warning codes (RFC 3261 §20.43).
const (
	warnMediaType   = 304 // media type not available
	warnMediaFormat = 305 // incompatible media format
	warnOther       = 399
)

// unacceptable is what is right as text and cannot be agreed to: 488.
func unacceptable(line, warning int, format string, args ...any) *sdp.Error {
	return &sdp.Error{Line: line, Reason: fmt.Sprintf(format, args...), Status: 488, Warning: warning}
}
