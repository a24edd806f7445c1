package sdp

import (
	"bytes"
	"strings"
)

// Direction is sendrecv, sendonly, recvonly or inactive, from the writer's point of
// view.
type Direction uint8

const (
	DirectionUnset Direction = iota
	SendRecv
	SendOnly
	RecvOnly
	Inactive
)

// String returns the attribute's name, "" when unset.
func (d Direction) String() string {
	switch d {
	case SendRecv:
		return "sendrecv"
	case SendOnly:
		return "sendonly"
	case RecvOnly:
		return "recvonly"
	case Inactive:
		return "inactive"
	}
	return ""
}

// Sends reports whether the writer sends; unset is sendrecv (RFC 8866 §6.7).
func (d Direction) Sends() bool { return d != RecvOnly && d != Inactive }

// Receives reports whether the writer receives.
func (d Direction) Receives() bool { return d != SendOnly && d != Inactive }

// ParseDirection reads the name of an attribute; DirectionUnset is of another one.
func ParseDirection(name string) Direction {
	for d := SendRecv; d <= Inactive; d++ {
		if strings.EqualFold(name, d.String()) {
			return d
		}
	}
	return DirectionUnset
}

// Hold reports whether the writer of this m-line does not want to receive: sendonly,
// inactive, or a null connection address with any direction (RFC 3264 §8.4, RFC 2543
// §B.5).
func (m *Media) Hold() bool { return !m.Direction.Receives() || m.Null() }

// MayHold reports whether any line of a description can be a Hold. When it is false,
// nobody needs to read the description to find out; most calls are never held.
func MayHold(text []byte) bool {
	var room [1024]byte
	if len(text) > len(room) {
		return true
	}
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		room[i] = c
	}
	// The last three are the null addresses, however their noughts are written.
	for _, s := range [...]string{"sendonly", "inactive", "invalid", "0.0.0.0", "::", "0:0"} {
		if bytes.Contains(room[:len(text)], []byte(s)) {
			return true
		}
	}
	return false
}

// Null reports whether the connection address is a hold of RFC 2543: 0.0.0.0, its IPv6
// equivalent, or a name under .invalid (RFC 3264 §5.1). With ICE it is not a hold:
// browsers write 0.0.0.0 until they know an address (RFC 8839 §4.3.1).
func (m *Media) Null() bool {
	if m.ICE.Ufrag != "" {
		return false
	}
	if m.Connection.IsValid() {
		return m.Connection.IsUnspecified()
	}
	host := strings.ToLower(strings.TrimSuffix(m.ConnHost, "."))
	return host == "invalid" || strings.HasSuffix(host, ".invalid")
}
