package im

import (
	"tandem/rtc/im/imdn"
	"tandem/rtc/im/kept"
	"tandem/rtc/sip"
)

// kind is what a message is for.
type kind uint8

const (
	text     kind = iota
	fleeting      // says that somebody is typing: of no use later (RFC 3994 §3)
	notice        // reports what became of another message (RFC 5438)
)

const cpimType = "message/cpim"

// maxHead is how much of a CPIM message is looked at: its headers, and those of what
// it wraps.
const maxHead = 8 << 10

// kindOf looks at the type of a body, and of what CPIM wraps (RFC 3862).
func kindOf(m *sip.Message) kind {
	t, ok := m.Parted(sip.HdrContentType)
	if !ok {
		return text
	}
	if sip.EqualFold(t.Value, cpimType) {
		head, _ := kept.Decoded(m, maxHead) // as far as it can be read
		return kindOfType(imdn.Wrapped(head))
	}
	return kindOfType(t.Value)
}

func kindOfType(t []byte) kind {
	switch {
	case sip.EqualFold(t, "application/im-iscomposing+xml"):
		return fleeting
	case sip.EqualFold(t, imdn.Type):
		return notice
	}
	return text
}
