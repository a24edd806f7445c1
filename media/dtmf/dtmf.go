// Package dtmf handles telephone keys in all their forms: RTP events (RFC 4733), bodies
// of SIP INFO and Cisco NOTIFY, and tones in the audio. It converts each form to Events
// and back.
//
// It owns the counting of events (each once, despite repetition and loss) and the
// detection of tones. It sends nothing and knows no RTP headers, calls or clock; its
// caller passes the time.
//
// No type here is safe for concurrent use. Nothing that is called for each packet or
// frame allocates.
package dtmf

import "time"

// Flash is the code of the hook flash (RFC 2833 §3.10).
const Flash = 16

// DefaultDuration is the duration of a key when none was given.
const DefaultDuration = 100 * time.Millisecond

// digits are the characters of the codes, in their order.
const digits = "0123456789*#ABCD!"

// Event is one key pressed. Code is RFC 4733's: 0-9, 10 *, 11 #, 12-15 A-D, 16 flash.
type Event struct {
	Code     uint8
	Duration time.Duration
	Volume   uint8 // -dBm0, 0-63
}

// Digit is the character of e: 0-9 * # A-D, ! for flash, 0 for no key.
func (e Event) Digit() byte {
	if int(e.Code) >= len(digits) {
		return 0
	}
	return digits[e.Code]
}

// Parse finds the event of a character. Small letters count as well.
func Parse(digit byte) (code uint8, ok bool) {
	if digit >= 'a' && digit <= 'd' {
		digit -= 'a' - 'A'
	}
	for i := range len(digits) {
		if digits[i] == digit {
			return uint8(i), true
		}
	}
	return 0, false
}

// Tones says in which audio keys are detected.
type Tones uint8

const (
	// TonesIgnored detects no keys.
	TonesIgnored Tones = iota
	// TonesConverted detects keys in audio that is converted anyway, and sends them as
	// events.
	TonesConverted
	// TonesHeard detects keys in all audio. Audio that passes must be decoded for it,
	// which costs several times as much as passing it on.
	TonesHeard
)
