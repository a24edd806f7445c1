// Package content is what the messages of a call hold besides its signalling: session
// descriptions, the place of who calls for help, and the header lines of a caller that
// those called get to see.
//
// It knows no calls, and decides nothing about them.
package content

import (
	"errors"

	"tandem/rtc/dialog"
	"tandem/rtc/sip"
)

// ErrNoDescription says that a message has no session description where it needs one.
var ErrNoDescription = errors.New("the message has no session description")

// Of is a session description as the content of a message.
func Of(description []byte) dialog.Content {
	if len(description) == 0 {
		return dialog.Content{}
	}
	return dialog.Content{Type: "application/sdp", Body: description}
}

// Description is the session description in a message, alone or as a part of a
// multipart body (RFC 5621); nil without one.
func Description(m *sip.Message) []byte {
	if part, ok := m.FindPart("application/sdp"); ok {
		return part.Body
	}
	return nil
}

// Copy is a copy of the session description in a message. It is nil when the message
// has no body, and empty when the body is something else.
func Copy(m *sip.Message) []byte {
	if len(m.Body()) == 0 {
		return nil
	}
	return append([]byte{}, Description(m)...)
}

// IsCall tells the INVITE of a telephone call from that of a message session or of
// something unknown. An INVITE without a body is a call with a late offer.
func IsCall(m *sip.Message) bool {
	if len(m.Body()) == 0 {
		return true
	}
	body := Description(m)
	return hasLine(body, "m=audio") || hasLine(body, "m=video")
}

func hasLine(text []byte, begin string) bool {
	for len(text) > 0 {
		if len(text) >= len(begin) && string(text[:len(begin)]) == begin {
			return true
		}
		at := 0
		for at < len(text) && text[at] != '\n' {
			at++
		}
		text = text[min(at+1, len(text)):]
	}
	return false
}
