package im

import (
	"bytes"
	"crypto/rand"
	"encoding/xml"
	"slices"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// wish is what the sender of a CPIM message wants to be told about it
// (RFC 5438 §6).
type wish struct {
	id       string // imdn.Message-ID
	to       string // URI of CPIM's To: the receiver as the sender wrote it
	stored   bool   // "processing": that it is kept
	failed   bool   // "negative-delivery": that it is not delivered
	datetime string
}

const imdnSpace = "urn:ietf:params:imdn"

// wishOf reads the headers of a CPIM message (RFC 3862 §2); nothing is wanted
// when it is none, or names no message.
func wishOf(m *sip.Message) (w wish) {
	t, _ := m.Parted(sip.HdrContentType)
	if !sip.EqualFold(t.Value, "message/cpim") {
		return w
	}
	head, _, ok := bytes.Cut(m.Body(), []byte("\r\n\r\n"))
	if !ok {
		return w
	}
	prefix := ""
	for line := range strings.SplitSeq(string(head), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case name == "NS" && strings.HasSuffix(value, "<"+imdnSpace+">"):
			prefix = strings.TrimSpace(strings.TrimSuffix(value, "<"+imdnSpace+">")) + "."
		case name == "To":
			if a, err := sip.ParseNameAddr([]byte(value)); err == nil {
				w.to = string(a.URI)
			}
		case name == "DateTime":
			w.datetime = value
		case prefix != "" && name == prefix+"Message-ID":
			w.id = value
		case prefix != "" && name == prefix+"Disposition-Notification":
			for kind := range strings.SplitSeq(value, ",") {
				w.stored = w.stored || strings.TrimSpace(kind) == "processing"
				w.failed = w.failed || strings.TrimSpace(kind) == "negative-delivery"
			}
		}
	}
	if w.id == "" {
		return wish{}
	}
	return w
}

// report is a notice about a message: CPIM around message/imdn+xml (RFC 5438 §7.2.1.2).
func (w *wish) report(from, to rtc.AOR, kind, status string) []byte {
	var doc bytes.Buffer
	element := func(name, text string) {
		doc.WriteString("<" + name + ">")
		_ = xml.EscapeText(&doc, []byte(text)) // a buffer takes everything
		doc.WriteString("</" + name + ">")
	}
	doc.WriteString(`<?xml version="1.0" encoding="UTF-8"?><imdn xmlns="urn:ietf:params:xml:ns:imdn">`)
	element("message-id", w.id)
	element("datetime", w.datetime)
	element("recipient-uri", w.to)
	doc.WriteString("<" + kind + "><status><" + status + "/></status></" + kind + "></imdn>")
	var b strings.Builder
	b.WriteString("From: <" + string(from) + ">\r\nTo: <" + string(to) + ">\r\nNS: imdn <" + imdnSpace + ">\r\nimdn.Message-ID: " + rand.Text()[:20] +
		"\r\nDateTime: " + time.Now().UTC().Format(time.RFC3339) + "\r\n\r\nContent-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n\r\n")
	return append([]byte(b.String()), doc.Bytes()...)
}

// tellStored tells the sender that a message is kept, when he wants to know. To
// who is held or blocked nothing is told. On the lane.
func (im *IM) tellStored(f *flight) {
	if f.kind != text || f.held || f.by != "" {
		return
	}
	if w := wishOf(f.message()); w.stored {
		im.notify(f.from, w.report(im.self(), f.from, "processing-notification", "stored"))
	}
}

// tellFailed tells the sender of a kept message that it was not delivered.
func (im *IM) tellFailed(m *Message) {
	p, err := m.parsed()
	if err != nil || m.Held || strings.HasSuffix(m.Key, " copy") || kindOf(p) != text {
		return
	}
	if w := wishOf(p); w.failed && !slices.Contains([]Verdict{Refuse, Drop}, im.cfg.Rule(Ask{From: m.From, To: m.To, Proved: true})) {
		im.notify(m.From, w.report(im.self(), m.From, "delivery-notification", "failed"))
	}
}

// self is the address of this server in notices.
func (im *IM) self() rtc.AOR { return rtc.AOR("sip:" + im.cfg.Domain) }

// notify sends a notice to a user of ours; to others none is sent.
func (im *IM) notify(sender rtc.AOR, body []byte) {
	to, ok := im.cfg.Users.Resolve(sender)
	if !ok {
		return
	}
	f, err := im.own(Draft{From: im.self(), To: to, Type: "message/cpim", Body: body})
	if err != nil || !im.client.Post(f.lane, f.begin) {
		im.log.Warn("notice not sent", "aor", string(sender), "err", err)
	}
}
