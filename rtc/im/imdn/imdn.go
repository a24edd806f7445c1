// Package imdn reads and writes what messages in the format of CPIM (RFC 3862) say
// of delivery notices (RFC 5438): what a sender wants to be told, and the reports.
// It sends nothing and changes no message.
package imdn

import (
	"bytes"
	"crypto/rand"
	"encoding/xml"
	"slices"
	"strings"
	"time"

	"tandem/rtc/sip"
)

// Type of the documents that reports hold.
const Type = "message/imdn+xml"

// space is the namespace of the headers in CPIM.
const space = "urn:ietf:params:imdn"

// Wish is what the sender of a message wants to be told about it (RFC 5438 §6).
// The zero Wish wants nothing.
type Wish struct {
	ID         string // imdn.Message-ID
	To         string // URI of CPIM's To: the receiver as the sender wrote it
	OriginalTo string // the receiver before somebody changed To, "" nobody did
	DateTime   string
	Processing bool // "processing": that it is kept, or passed on
	Failure    bool // "negative-delivery": that it is not delivered
	// Route is whom reports go through, the first of them at first: those who put
	// themselves on the way by IMDN-Record-Route.
	Route []string
}

// Wrapped is the media type of what a CPIM message wraps: the Content-Type in the
// headers that follow the first empty line.
func Wrapped(cpim []byte) []byte {
	_, wrapped, ok := bytes.Cut(cpim, []byte("\r\n\r\n"))
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

// maxRoute bounds whom a report goes through.
const maxRoute = 10

// Read reads the headers of a CPIM message (RFC 3862 §2). Nothing is wanted when
// it names no message.
func Read(cpim []byte) (w Wish) {
	head, _, ok := bytes.Cut(cpim, []byte("\r\n\r\n"))
	if !ok {
		return w
	}
	prefix := ""
	for line := range strings.SplitSeq(string(head), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case name == "NS" && strings.HasSuffix(value, "<"+space+">"):
			prefix = strings.TrimSpace(strings.TrimSuffix(value, "<"+space+">")) + "."
		case name == "To":
			w.To = uriOf(value)
		case name == "DateTime":
			w.DateTime = value
		case name == "Message-ID" && w.ID == "": // linphone before 5
			w.ID = value
		case prefix != "" && strings.HasPrefix(name, prefix):
			w.header(name[len(prefix):], value)
		}
	}
	if w.ID == "" || len(w.Route) > maxRoute {
		return Wish{}
	}
	return w
}

// header reads a header of our namespace.
func (w *Wish) header(name, value string) {
	switch name {
	case "Message-ID":
		w.ID = value
	case "Original-To":
		w.OriginalTo = uriOf(value)
	case "IMDN-Record-Route":
		if uri := uriOf(value); uri != "" {
			w.Route = append(w.Route, uri)
		}
	case "Disposition-Notification":
		for kind := range strings.SplitSeq(value, ",") {
			kind, _, _ = strings.Cut(kind, ";")
			w.Processing = w.Processing || strings.TrimSpace(kind) == "processing"
			w.Failure = w.Failure || strings.TrimSpace(kind) == "negative-delivery"
		}
	}
}

// uriOf is the URI of an address, "" when there is none.
func uriOf(value string) string {
	a, err := sip.ParseNameAddr([]byte(value))
	if err != nil {
		return ""
	}
	return string(a.URI)
}

// Kind of a report.
type Kind string

// The kinds that others than the receiver make.
const (
	Processing Kind = "processing-notification"
	Delivery   Kind = "delivery-notification"
)

// Status that a report tells.
type Status string

// The statuses.
const (
	Processed Status = "processed"
	Stored    Status = "stored"
	Failed    Status = "failed"
	Forbidden Status = "forbidden" // he may not be told
)

// Report is a notice from one to another: CPIM around a document (RFC 5438
// §7.2.1.2, §8.1).
func (w *Wish) Report(from, to string, k Kind, s Status) []byte {
	var doc bytes.Buffer
	element := func(name, text string) {
		if text == "" && name == "original-recipient-uri" {
			return
		}
		doc.WriteString("<" + name + ">")
		_ = xml.EscapeText(&doc, []byte(text)) // a buffer takes everything
		doc.WriteString("</" + name + ">")
	}
	doc.WriteString(`<?xml version="1.0" encoding="UTF-8"?><imdn xmlns="urn:ietf:params:xml:ns:imdn">`)
	element("message-id", w.ID)
	element("datetime", w.DateTime)
	element("recipient-uri", w.To)
	element("original-recipient-uri", w.OriginalTo)
	doc.WriteString("<" + string(k) + "><status><" + string(s) + "/></status></" + string(k) + "></imdn>")
	var b strings.Builder
	b.WriteString("From: <" + from + ">\r\nTo: <" + to + ">\r\nNS: imdn <" + space + ">\r\nimdn.Message-ID: " + rand.Text()[:20] + "\r\n")
	for _, uri := range w.Route { // RFC 5438 §7.2.1: in their order
		b.WriteString("imdn.IMDN-Route: <" + uri + ">\r\n")
	}
	b.WriteString("DateTime: " + time.Now().UTC().Format(time.RFC3339) + "\r\n\r\nContent-Type: " + Type + "\r\nContent-Disposition: notification\r\n\r\n")
	return slices.Concat([]byte(b.String()), doc.Bytes())
}
