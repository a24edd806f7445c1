// Package torture is messages that try a SIP stack: one for each case of RFC 4475
// and of RFC 5118, with what may come of it. They are written for this project: the
// fault or the rare form is the RFC's, and so are the names of the cases; the rest
// is not. Only tests use it.
package torture

import (
	"bytes"
	_ "embed"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Case is a message and what may come of it.
type Case struct {
	Name    string
	Section string // of the RFC
	RFC     int
	Via     string  // the transport its top Via names
	Parse   Verdict // of a parser and the rules that hold for every role
	Code    int     // what a server answers that refuses it, 0 when it need not
	// Proxy and Registrar tell what each may make of it, in words: "forward",
	// "drop", the codes it may answer with. "" where the case says nothing.
	Proxy, Registrar string
}

// Verdict is what becomes of a message that is read.
type Verdict uint8

// The verdicts.
const (
	Accept  Verdict = iota // what else is wrong with it is a matter of the role
	Reject                 // with Code
	Discard                // a response nobody could be told of
	Either                 // the RFC leaves it to the receiver
)

// Users are those the messages are for, as "user@domain"; Domains are theirs.
var (
	Domains = []string{"example.com", "example.net", "example.org", "h.example.net"}
	Users   = []string{"ada", "bert", "dora", "zero-%00-zero", "sips%3Aada%40example.com", "ada;dept=it%40example.net"}
)

//go:embed messages.txt
var texts string

// All are the cases in the order of the RFCs.
func All() []Case { return cases }

// Bytes is the message as it is sent. It is made anew by each call.
func (c Case) Bytes() []byte { return Message(c.Name) }

// Response reports whether the message is a response, which a server that waits for
// none discards.
func (c Case) Response() bool { return bytes.HasPrefix(c.Bytes(), []byte("SIP/")) }

// Message is the one of that name. A name there is none of is a mistake in the test
// that asks, and panics.
func Message(name string) []byte {
	_, text, found := strings.Cut("\n"+texts, "\n== "+name+"\n")
	if !found {
		panic("no torture message is called " + name)
	}
	if end := strings.Index(text, "\n== "); end >= 0 {
		text = text[:end+1]
	}
	return expand(text)
}

// expand turns what is written in messages.txt into octets: lines end in CRLF, and
// braces stand for what cannot be written or would be long.
func expand(text string) []byte {
	b := []byte(directive.ReplaceAllStringFunc(strings.ReplaceAll(text, "\n", "\r\n"), value))
	_, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	if i := bytes.Index(body, []byte("INVITE ")); i > 0 { // dblreq: a request behind a request
		_, body, _ = bytes.Cut(body[i:], []byte("\r\n\r\n"))
	}
	return bytes.Replace(b, []byte("{length}"), strconv.AppendInt(nil, int64(len(body)), 10), 1)
}

var directive = regexp.MustCompile(`\{(x|repeat):[^}]*\}|\{(sdp|vias|octets|blank)\}`)

func value(d string) string {
	word, arg, _ := strings.Cut(d[1:len(d)-1], ":")
	switch word {
	case "x": // octets in hex
		b, err := hex.DecodeString(arg)
		if err != nil {
			panic(err)
		}
		return string(b)
	case "repeat":
		times, what, _ := strings.Cut(arg, ":")
		n, err := strconv.Atoi(times)
		if err != nil {
			panic(err)
		}
		return strings.Repeat(what, n)
	case "blank": // one that editors would take away
		return " "
	case "octets": // each there is
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		return string(all)
	case "vias":
		return vias()
	}
	return "v=0\r\no=carl 2973 7272 IN IP4 192.0.2.5\r\ns=-\r\nc=IN IP4 192.0.2.5\r\nt=0 0\r\n" +
		"m=audio 49216 RTP/AVP 0 12\r\nm=video 3226 RTP/AVP 31\r\na=rtpmap:31 LPC"
}

// vias are 33 lines, each with another spelling of the name.
func vias() string {
	names := []string{"Via", "v", "V", "VIA", "via", "ViA", "vIa", "viA", "VIa", "vIA", "V ", "v  ", "Via ", "V\t"}
	lines := make([]string, 33)
	for i := range lines {
		lines[i] = fmt.Sprintf("%s: SIP/2.0/TCP sip%d.example.com", names[i%len(names)], len(lines)-i)
	}
	return strings.Join(lines, "\r\n")
}
