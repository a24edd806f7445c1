package im

import (
	"strconv"

	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
)

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
