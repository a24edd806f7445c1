package kept

import (
	"bytes"
	"strconv"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Message is one message as it is kept.
type Message struct {
	ID      int64     // its place in the order of all
	To      rtc.AOR   // whose mailbox it is in
	From    rtc.AOR   // who wrote it, as the gate found out
	Key     string    // tells a repetition: From tag, Call-ID and CSeq
	Arrived time.Time // to the millisecond
	Expires time.Time // it is not delivered afterwards
	Hops    int       // Max-Forwards it leaves with
	Waiting []string  // the devices that are still to get it
	Held    bool      // it waits for its receiver's consent
	Secure  bool      // it was for a sips URI: not to go in the clear (RFC 5630 §5.3)
	// Text is the message from its From line on: header lines but those of the
	// way here (Via, Route, Max-Forwards, credentials), the empty line, the body.
	Text []byte
}

// Anyone in Message.Waiting stands for the device that registers first.
const Anyone = "*"

// Octets the message takes of its receiver's share.
func (m *Message) Octets() int { return len(m.Text) + 128 }

// Parsed reads the text of a kept message again.
func (m *Message) Parsed() (*sip.Message, error) {
	b := append([]byte("MESSAGE sip:kept.invalid SIP/2.0\r\nVia: SIP/2.0/UDP kept.invalid;branch=z9hG4bKkept\r\n"), m.Text...)
	p := new(sip.Message)
	if err := p.Parse(b); err != nil {
		return nil, err
	}
	return p, nil
}

// KeyOf tells a repetition of a request from others (RFC 3261 §8.2.2.2).
func KeyOf(m *sip.Message) string {
	seq, _ := m.CSeq()
	return string(m.FromTag()) + " " + string(m.CallID()) + " " + strconv.FormatUint(uint64(seq), 10)
}

// leftOut reports whether a header line ends here: what belongs to the way of
// the request to us, credentials that were for us, and what only a peer that may
// assert can say (RFC 3324).
func leftOut(m *sip.Message, h sip.Header, asserts bool) bool {
	switch h.ID {
	case sip.HdrVia, sip.HdrRoute, sip.HdrRecordRoute, sip.HdrMaxForwards, sip.HdrContentLength,
		sip.HdrAuthorization, sip.HdrProxyAuthorization, sip.HdrPPreferredIdentity, sip.HdrTimestamp:
		return true
	case sip.HdrPAssertedIdentity, sip.HdrRemotePartyID:
		return !asserts || wantsPrivacy(m)
	case sip.HdrDiversion, sip.HdrHistoryInfo:
		return !asserts
	case sip.HdrOther:
		return len(h.Name) > 2 && h.Name[0]|0x20 == 'p' && h.Name[1] == '-'
	}
	return false
}

// wantsPrivacy reports whether the sender asks not to be named (RFC 3325 §7).
func wantsPrivacy(m *sip.Message) bool {
	for v := range m.Values(sip.HdrPrivacy) {
		for kind := range bytes.SplitSeq(v, []byte(";")) {
			if sip.EqualFold(bytes.TrimSpace(kind), "id") {
				return true
			}
		}
	}
	return false
}

// AppendText appends what of a request goes on to devices: see Message.Text.
// Its lines stay as they were written.
func AppendText(dst []byte, m *sip.Message, asserts bool, date time.Time) []byte {
	for i := 0; i < m.Len(); i++ { // what stays goes in one piece from line to line left out
		first := i
		for i < m.Len() && !leftOut(m, m.At(i), asserts) {
			i++
		}
		dst = append(dst, m.Verbatim(first, i)...)
	}
	if !date.IsZero() && !m.Has(sip.HdrDate) { // RFC 3428 §4: when it was sent is of interest when it comes late
		dst = append(dst, "Date: "...)
		dst = append(date.UTC().AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT"), "\r\n"...)
	}
	body := m.Body()
	dst = append(dst, "Content-Length: "...)
	dst = append(strconv.AppendInt(dst, int64(len(body)), 10), "\r\n\r\n"...)
	return append(dst, body...)
}

// maxContent is how many octets a compressed body may have without its compression.
const maxContent = 1 << 20

// Content is the type and body of a kept message, without its compression when that is
// known.
func (m *Message) Content() (contentType string, body []byte, err error) {
	p, err := m.Parsed()
	if err != nil {
		return "", nil, err
	}
	if body, err = Decoded(p, maxContent); err != nil {
		body = p.Body()
	}
	return string(p.Get(sip.HdrContentType)), body, nil
}
