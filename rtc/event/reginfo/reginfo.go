// Package reginfo tells where a user is registered: the event package reg and
// its document (RFC 3680), made of the bindings in rtc/location.
package reginfo

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/location"
)

// Type is the media type of the document.
const Type = "application/reginfo+xml"

// Package is the event package, for Add. Only the user himself may subscribe. It
// watches l for n.
func Package(n *event.Notifier, l *location.Location) event.Package {
	l.Watch(func(aor rtc.AOR, old, now []location.Binding) {
		if !same(old, now) {
			n.Changed(aor, "reg")
		}
	})
	return event.Package{Name: "reg", Types: []string{Type}, Authorise: event.Owner,
		Document: func(q event.Query) event.Document { return document(q.Resource, l.Bindings(q.Resource)) }}
}

// same reports whether two lists differ in nothing but time.
func same(a, b []location.Binding) bool {
	return slices.EqualFunc(a, b, func(x, y location.Binding) bool { return x.Contact == y.Contact && x.CallID == y.CallID })
}

// document is always whole.
func document(aor rtc.AOR, list []location.Binding) event.Document {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" version="`)
	count := b.Len()
	state := "active"
	if len(list) == 0 {
		state = "terminated"
	}
	b.WriteString(`" state="full"><registration aor="`)
	text := func(s string) { _ = xml.EscapeText(&b, []byte(s)) } // a buffer takes everything
	text(string(aor))
	fmt.Fprintf(&b, `" id="r%s" state="%s">`, hash(string(aor)), state)
	for i := range list {
		c := &list[i]
		fmt.Fprintf(&b, `<contact id="c%s" state="active" event="registered"`, hash(c.URI+" "+c.Instance+" "+c.CallID))
		if c.Q < 1000 {
			fmt.Fprintf(&b, ` q="%d.%03d"`, c.Q/1000, c.Q%1000)
		}
		b.WriteString(` callid="`)
		text(c.CallID)
		fmt.Fprintf(&b, `" cseq="%d"><uri>`, c.CSeq)
		text(c.URI)
		b.WriteString(`</uri>`)
		if c.Instance != "" {
			b.WriteString(`<unknown-param name="+sip.instance">`)
			text(`"` + c.Instance + `"`)
			b.WriteString(`</unknown-param><gr:pub-gruu uri="`)
			text(string(location.AppendPublic(nil, aor, c.Instance))) // RFC 5628
			b.WriteString(`"/>`)
		}
		b.WriteString(`</contact>`)
	}
	b.WriteString(`</registration></reginfo>`)
	return event.Document{Type: Type, Body: b.Bytes(), Count: count}
}

func hash(s string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return strings.ToLower(fmt.Sprintf("%x", h.Sum64()))
}
