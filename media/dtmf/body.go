package dtmf

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The body types of keys in SIP.
const (
	typeRelay  = "application/dtmf-relay"
	typeDTMF   = "application/dtmf"
	typeNotify = "audio/telephone-event"
)

const (
	maxBody     = 1024
	maxDuration = 10 * time.Second // a longer key in a body is a mistake
)

// errBody means that a body does not describe a key.
var errBody = errors.New("not a key")

// ReadBody reads the body of an INFO (application/dtmf-relay, application/dtmf) or
// NOTIFY (audio/telephone-event). Parameters of the type are ignored. A missing or
// invalid duration becomes DefaultDuration.
func ReadBody(contentType string, body []byte) (Event, error) {
	if len(body) > maxBody {
		return Event{}, fmt.Errorf("reading a key: body of %d octets: %w", len(body), errBody)
	}
	kind, _, _ := strings.Cut(contentType, ";")
	switch kind = strings.TrimSpace(kind); {
	case strings.EqualFold(kind, typeNotify):
		e, _, err := readNotify(body)
		return e, err
	case strings.EqualFold(kind, typeRelay), strings.EqualFold(kind, typeDTMF):
		return readLines(body)
	}
	return Event{}, fmt.Errorf("reading a key: unknown type %q", kind)
}

// readNotify reads the audio/telephone-event of a NOTIFY, which is like an RFC 2833
// payload with a duration in milliseconds. end is the E bit: a second notification with
// it, after a first one without, is not a new key.
func readNotify(body []byte) (e Event, end bool, err error) {
	if len(body) < size || body[0] > Flash {
		return Event{}, false, fmt.Errorf("reading a key: %d octets of an event: %w", len(body), errBody)
	}
	b := readBlock(body)
	return Event{Code: b.code, Volume: b.volume, Duration: length(int64(b.duration))}, b.end, nil
}

// length makes a duration of milliseconds.
func length(ms int64) time.Duration {
	if ms <= 0 || ms > maxDuration.Milliseconds() {
		return DefaultDuration
	}
	return time.Duration(ms) * time.Millisecond
}

// readLines reads "Signal=5" and "Duration=160" in any order and with any line ends, or
// a key alone. Blanks are allowed everywhere, since vendors differ.
func readLines(body []byte) (Event, error) {
	e := Event{Duration: DefaultDuration}
	found := false
	for len(body) > 0 {
		line := body
		if i := bytes.IndexAny(body, "\r\n"); i >= 0 {
			line, body = body[:i], body[i+1:]
		} else {
			body = nil
		}
		name, value, pair := bytes.Cut(line, []byte("="))
		name, value = bytes.TrimSpace(name), bytes.TrimSpace(value)
		if !pair {
			name, value = nil, name
		}
		switch {
		case len(value) == 0:
		case !pair && !found, bytes.EqualFold(name, []byte("signal")):
			code, ok := key(value)
			if !ok {
				return Event{}, fmt.Errorf("reading a key: signal %.16q: %w", value, errBody)
			}
			e.Code, found = code, true
		case bytes.EqualFold(name, []byte("duration")):
			ms, err := strconv.ParseInt(string(value), 10, 32)
			if err != nil {
				ms = 0
			}
			e.Duration = length(ms)
		}
	}
	if !found {
		return Event{}, fmt.Errorf("reading a key: no signal: %w", errBody)
	}
	return e, nil
}

// key reads a signal: a character, or an event's number (10 *, 11 #, 16 flash).
func key(s []byte) (uint8, bool) {
	if len(s) == 1 {
		return Parse(s[0])
	}
	if bytes.EqualFold(s, []byte("flash")) || bytes.EqualFold(s, []byte("hf")) {
		return Flash, true
	}
	n, err := strconv.ParseUint(string(s), 10, 8)
	return uint8(n), err == nil && n <= Flash
}

// WriteBody writes such a body.
func WriteBody(contentType string, e Event) ([]byte, error) {
	digit := e.Digit()
	if digit == 0 {
		return nil, fmt.Errorf("writing a key: code %d: %w", e.Code, errBody)
	}
	if e.Duration <= 0 {
		e.Duration = DefaultDuration
	}
	ms := min(e.Duration, maxDuration).Milliseconds()
	kind, _, _ := strings.Cut(contentType, ";")
	switch kind = strings.TrimSpace(kind); {
	case strings.EqualFold(kind, typeRelay):
		signal := string(digit)
		if e.Code == Flash {
			signal = "16" // receivers know the flash by its number
		}
		return fmt.Appendf(nil, "Signal=%s\r\nDuration=%d\r\n", signal, ms), nil
	case strings.EqualFold(kind, typeDTMF):
		if e.Code == Flash {
			return []byte("16"), nil
		}
		return []byte{digit}, nil
	case strings.EqualFold(kind, typeNotify):
		b := make([]byte, size)
		writeBlock(b, block{code: e.Code, volume: e.Volume, duration: uint16(ms)})
		return b, nil
	}
	return nil, fmt.Errorf("writing a key: unknown type %q", kind)
}
