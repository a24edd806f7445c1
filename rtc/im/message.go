package im

import (
	"bytes"
	"strconv"
	"time"

	"tandem/rtc"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
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
	// Text is the message from its From line on: header lines but those of the
	// way here (Via, Route, Max-Forwards, credentials), the empty line, the body.
	Text []byte
}

// Anyone in Message.Waiting stands for the device that registers first.
const Anyone = "*"

// Octets the message takes of its receiver's share.
func (m *Message) Octets() int { return len(m.Text) + 128 }

// parsed reads the text of a kept message again.
func (m *Message) parsed() (*sip.Message, error) {
	b := append([]byte("MESSAGE sip:kept.invalid SIP/2.0\r\nVia: SIP/2.0/UDP kept.invalid;branch=z9hG4bKkept\r\n"), m.Text...)
	p := new(sip.Message)
	if err := p.Parse(b); err != nil {
		return nil, err
	}
	return p, nil
}

// keyOf tells a repetition of a request from others (RFC 3261 §8.2.2.2).
func keyOf(m *sip.Message) string {
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

// appendText appends what of a request goes on to devices: see Message.Text.
// Names and values stay as they were written.
func appendText(dst []byte, m *sip.Message, asserts bool, date time.Time) []byte {
	for i := range m.Len() {
		h := m.At(i)
		if leftOut(m, h, asserts) {
			continue
		}
		dst = append(append(append(append(dst, h.Name...), ": "...), h.Value...), "\r\n"...)
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

// appendHead appends the first two lines of a message to a device.
func appendHead(dst []byte, w *reach.Way, t uac.Try) []byte {
	dst = append(append(append(dst, "MESSAGE "...), w.URI...), " SIP/2.0\r\nVia: "...)
	return append(append(dst, t.Via...), "\r\n"...)
}

// appendWay appends the lines behind the Via.
func appendWay(dst []byte, w *reach.Way, hops int) []byte {
	if w.Path != "" { // RFC 3327 §5.4
		dst = append(append(append(dst, "Route: "...), w.Path...), "\r\n"...)
	}
	dst = append(dst, "Max-Forwards: "...)
	return append(strconv.AppendInt(dst, int64(hops), 10), "\r\n"...)
}

// shape is how messages to a device are written, nil: as they came.
func (im *IM) shape(w *reach.Way) uac.Shape {
	if im.cfg.Shape == nil || w.Device == "" {
		return nil
	}
	return im.cfg.Shape(w.Device)
}

// hop is where a message to a device goes first.
func (im *IM) hop(w *reach.Way, big bool, peer string) uac.Hop {
	h := uac.Hop{URI: []byte(w.URI), Flow: w.Flow, Peer: peer, By: w.From}
	if big {
		h.Flow = noFlow
	}
	h.Shape = im.shape(w)
	if w.Path != "" {
		if a, err := sip.ParseNameAddr(sip.FirstElement([]byte(w.Path))); err == nil {
			h.URI = a.URI
		}
	}
	return h
}

// A message that is too large for a packet is not sent by the flow of a way over UDP:
// the resolver finds a way, and tries TCP first (RFC 3261 §18.1.1, RFC 3428 §8).
// Where a device is reached by its flow alone, there is no choice.

// maybeLarge rules out nearly all, by the size of a message as it came or is kept.
func maybeLarge(w *reach.Way, size int) bool {
	const anew = 220 // octets of what is written anew, but for URI and Path
	return !w.Sticky && w.Flow != noFlow && !w.Flow.Proto().Stream() && size+len(w.URI)+len(w.Path)+anew > maxDatagram
}

// large reports whether a message is, as it is written.
func large(write uac.Writer) bool {
	return len(write(nil, uac.Try{Via: make([]byte, 100)})) > maxDatagram
}

// device is how a device is called: by its instance, or, when it gives none, by
// its Contact.
func device(instance, contact string) string {
	if instance != "" {
		return instance
	}
	return contact
}

func deviceOf(w *reach.Way) string { return device(w.Instance, w.URI) }
