package registrar

import (
	"strconv"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/sip"
)

// tail ends every response made here; Contacts go before it.
const tail = "Content-Length: 0\r\n\r\n"

// prepare makes the head of the 200 (§10.3 step 8) while the request is at hand.
func (j *job) prepare() {
	cfg := &j.g.cfg
	h := append(j.body[:0], j.g.date.at(j.now)...)
	if j.outbound { // RFC 5626 §6
		h = append(h, "Require: outbound\r\n"...)
		if j.hops() == 1 { // we are the first hop: it is our flow
			h = appendSeconds(append(h, "Flow-Timer: "...), cfg.FlowTimer, "\r\n")
		}
	}
	// RFC 3327 §5.3: the Path goes back to who can read it.
	if len(j.path) > 0 && (j.m.HasToken(sip.HdrSupported, "path") || j.m.HasToken(sip.HdrRequire, "path")) {
		h = append(append(append(h, "Path: "...), j.path...), "\r\n"...)
	}
	if cfg.ServiceRoute != "" { // RFC 3608 §6.3
		h = append(append(append(h, "Service-Route: "...), cfg.ServiceRoute...), "\r\n"...)
	}
	j.body = h
	var tag [16]byte // in place: converting it below does not allocate
	j.head = sip.AppendResponse(j.head[:0], j.m, sip.Response{Code: 200, ToTag: string(rtc.AppendToTag(tag[:0], j.m)), Header: h})
	j.head = j.head[:len(j.head)-len(tail)]
}

// success completes the 200 with the bindings there are now.
func (j *job) success() []byte {
	b := j.head
	for i := range j.list {
		b = append(b, "Contact: "...)
		b = j.appendContact(b, &j.list[i])
		b = append(b, "\r\n"...)
	}
	j.head = append(b, tail...)
	return j.head
}

// unavailable turns the head into a 503.
func (j *job) unavailable() []byte {
	const good, bad = "SIP/2.0 200 OK", "SIP/2.0 503 Service Unavailable"
	b := append(j.body[:0], bad...)
	b = append(b, j.head[len(good):]...)
	b = append(b, "Retry-After: 10\r\n"...)
	j.body = append(b, tail...)
	return j.body
}

// appendContact appends a binding's Contact as the phone spelled it, with the
// time it still has in expires.
func (j *job) appendContact(dst []byte, b *location.Binding) []byte {
	left := b.Expires.Sub(j.now)
	from, to := expiresParam(b.Contact)
	dst = append(dst, b.Contact[:from]...)
	if from == to {
		dst = append(dst, ';')
	}
	dst = appendSeconds(append(dst, "expires="...), left, "")
	dst = append(dst, b.Contact[to:]...)
	if j.gruu && b.Instance != "" { // RFC 5627 §5.2
		dst = append(dst, `;pub-gruu="`...)
		dst = location.AppendPublic(dst, j.aor, b.Instance)
		dst = append(dst, '"')
	}
	if j.gruu && b.TempGRUU {
		dst = append(dst, `;temp-gruu="`...)
		dst = j.g.cfg.GRUU.AppendTemp(dst, j.aor, b)
		dst = append(dst, '"')
	}
	return dst
}

func appendSeconds(dst []byte, d time.Duration, end string) []byte {
	return append(strconv.AppendInt(dst, max(0, int64(d/time.Second)), 10), end...)
}

// expiresParam is where the expires parameter stands in a Contact, without its
// semicolon; the end of the Contact, twice, when there is none.
func expiresParam(contact string) (from, to int) {
	for i := paramsOf(contact); i < len(contact); i = to {
		from = i + 1 // behind ';'
		to = from
		for to < len(contact) && contact[to] != ';' && contact[to] != '=' {
			to++
		}
		name := contact[from:to]
		if to < len(contact) && contact[to] == '=' {
			for to++; to < len(contact) && (contact[to] == ' ' || contact[to] == '\t'); to++ {
			}
			if to < len(contact) && contact[to] == '"' { // only here a quote opens a string
				to = closing(contact, to)
			}
			for to < len(contact) && contact[to] != ';' {
				to++
			}
		}
		name = strings.TrimLeft(name, " \t")
		if blank := strings.IndexAny(name, " \t"); blank >= 0 { // junk may follow
			name = name[:blank]
		}
		if strings.EqualFold(name, "expires") {
			return from, to
		}
	}
	return len(contact), len(contact)
}

// paramsOf is where the header parameters of a Contact begin.
func paramsOf(contact string) int {
	i := 0
	if strings.HasPrefix(contact, `"`) {
		i = closing(contact, 0)
	}
	for i < len(contact) && contact[i] != '<' && contact[i] != ';' {
		i++
	}
	if i < len(contact) && contact[i] == '<' {
		for i < len(contact) && contact[i] != '>' {
			i++
		}
		for i < len(contact) && contact[i] != ';' {
			i++
		}
	}
	return i
}

// closing is the place behind the quoted string that begins at i.
func closing(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}
