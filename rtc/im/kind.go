package im

import (
	"bytes"

	"tandem/rtc/sip"
)

// kind is what a message is for.
type kind uint8

const (
	text     kind = iota
	fleeting      // says that somebody is typing: of no use later (RFC 3994 §3)
	notice        // reports what became of another message (RFC 5438)
)

// kindOf looks at the type of a body, and of what CPIM wraps (RFC 3862).
func kindOf(m *sip.Message) kind {
	t, ok := m.Parted(sip.HdrContentType)
	if !ok {
		return text
	}
	if sip.EqualFold(t.Value, "message/cpim") {
		return kindOfType(cpimType(m.Body()))
	}
	return kindOfType(t.Value)
}

func kindOfType(t []byte) kind {
	switch {
	case sip.EqualFold(t, "application/im-iscomposing+xml"):
		return fleeting
	case sip.EqualFold(t, "message/imdn+xml"):
		return notice
	}
	return text
}

// cpimType is the type of what a CPIM message wraps: the Content-Type in the
// headers that follow the first empty line.
func cpimType(body []byte) []byte {
	_, wrapped, ok := bytes.Cut(body, []byte("\r\n\r\n"))
	if !ok {
		return nil
	}
	for line := range bytes.SplitSeq(wrapped, []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return nil
		}
		if sip.EqualFold(bytes.TrimSpace(name), "Content-Type") {
			return sip.ParseParted(bytes.TrimSpace(value)).Value
		}
	}
	return nil
}
