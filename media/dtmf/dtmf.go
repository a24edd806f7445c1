// Package dtmf carries telephone keys in all the forms they take: RTP events
// (RFC 4733), SIP INFO and Cisco NOTIFY bodies, and tones in the audio. Each
// form is turned into Events and made from them.
//
// It owns the counting of events (each once, whatever the network did) and the
// hearing of tones. It sends nothing, knows no RTP header, no call and no clock
// but the one it is told.
//
// No type here is safe for use by several goroutines at once. Nothing that is
// called for each packet or frame allocates.
package dtmf

import "time"

// Flash is the code of the hook flash (RFC 2833 §3.10).
const Flash = 16

// DefaultDuration is how long a key lasts when nobody said.
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

// Tones says where keys are listened for in audio.
type Tones uint8

const (
	// TonesIgnored listens nowhere.
	TonesIgnored Tones = iota
	// TonesConverted listens where the audio is converted anyway: the keys go on as
	// events.
	TonesConverted
	// TonesHeard listens in all audio, for keys as they are pressed. Audio that passes
	// is decoded for it, which costs several times what passing it does.
	TonesHeard
)
