package messages

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/rtc/policy/consent"
	"tandem/rtc/sip"
	"tandem/test/bubble"
)

// form is a body as clients write it.
type form struct{ kind, encoding, body string }

// compressed is a body through a writer that compresses.
func compressed(body string, by func(io.Writer) io.WriteCloser) string {
	var b bytes.Buffer
	w := by(&b)
	_, _ = io.WriteString(w, body) // a buffer takes everything
	_ = w.Close()
	return b.String()
}

func deflate(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }
func gzipped(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

const (
	imdnDocument = `<?xml version="1.0" encoding="UTF-8" standalone="no" ?><imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>Y7~w-9eAgfVk</message-id><datetime>2026-11-30T10:08:40Z</datetime>` +
		`<delivery-notification><status><delivered/></status></delivery-notification></imdn>`
	imdnHead   = "From: <sip:bob@time.test>\r\nTo: <sip:alice@time.test>\r\nDateTime: 2026-11-30T10:08:41Z\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: k3\r\n\r\n"
	cpimNotice = imdnHead + "Content-Type: message/imdn+xml\r\nContent-Length: 252\r\n\r\n" + imdnDocument
)

// notices are the forms in which clients write delivery notices; linphone 5 the first
// and, when it speaks CPIM, the third.
var notices = map[string]form{
	"document":         {"message/imdn+xml", "", imdnDocument},
	"CPIM":             {"message/cpim", "", cpimNotice},
	"deflated CPIM":    {"message/cpim", "deflate", compressed(cpimNotice, deflate)},
	"gzipped CPIM":     {"Message/CPIM", "GZIP", compressed(cpimNotice, gzipped)},
	"lower-case names": {"message/cpim", "", strings.Replace(cpimNotice, "Content-Type: message", "content-type:Message", 1)},
}

// texts are bodies whose octets say what their type says they do, and no other.
var texts = map[string]form{
	"UTF-8":         {"text/plain;charset=UTF-8", "", "grüße \U0001f600\r\n\r\nzweiter Absatz\r\n"},
	"ISO-8859-1":    {"text/plain; charset=iso-8859-1", "", "gr\xfc\xdfe"},
	"HTML":          {"text/html", "", "<b>\xe2\x82\xac</b>"},
	"multipart":     {"multipart/mixed;boundary=\"=_b 1\"", "", "--=_b 1\r\nContent-Type: text/plain\r\n\r\nx\r\n--=_b 1\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\x89PNG\x00\xff\r\n--=_b 1--\r\n"},
	"CPIM":          {"message/cpim", "", "From: <sip:alice@time.test>\r\nTo: <sip:bob@time.test>\r\n\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\ngrüße & so"},
	"deflated":      {"message/cpim", "deflate", compressed("From: <sip:alice@time.test>\r\n\r\nContent-Type: text/plain\r\n\r\nx", deflate)},
	"unknown code":  {"text/plain", "br", "\x0b\x02\x80x\x03"},
	"broken code":   {"message/cpim", "deflate", "\x78\x9c\xff\xff"},
	"ends in CRLFs": {"text/plain", "", "x\r\n\r\n\r\n"},
}

// writes sends a form.
func writes(p *bubble.Phone, from, to string, f form) {
	p.W.T.Helper()
	more := []string{"Content-Type: " + f.kind}
	if f.encoding != "" {
		more = append(more, "Content-Encoding: "+f.encoding)
	}
	p.Content("MESSAGE", from, to, f.body, more...)
}

// reads waits a second for a message, answers it and returns its form.
func reads(w *bubble.World, p *bubble.Phone) (f form, ok bool) {
	for end := time.Now().Add(time.Second); time.Now().Before(end); w.Pass(10*time.Millisecond, p) {
		for i := range p.Got {
			var m sip.Message
			if p.Got[i].What != "MESSAGE" || m.Parse(p.Got[i].Raw) != nil {
				continue
			}
			p.Got[i].What = "read"
			p.Send(sip.AppendResponse(nil, &m, sip.Response{Code: 200, ToTag: "x"}))
			return form{string(m.Get(sip.HdrContentType)), string(m.Get(sip.HdrContentEncoding)), string(m.Body())}, true
		}
	}
	return f, false
}

// Delivery notices pass octet by octet in every form in which clients write them; to
// somebody whom the one who reports has blocked none does.
func TestNoticesOfClients(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		registerDevice(alice, "alice", "a", 3600)
		change := func(r consent.Rule) {
			if err := w.S.Consent().Set(w.T.Context(), bobAOR, r); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(notices)) {
			sent := notices[name]
			for _, action := range []consent.Action{consent.Block, consent.PoliteBlock, consent.Allow} {
				change(consent.Rule{Kind: consent.User, Name: string(aliceAOR), Action: action})
				bob.Got = nil
				writes(bob, "bob", "alice", sent)
				got, ok := reads(w, alice)
				if ok != (action == consent.Allow) || ok && got != sent {
					t.Errorf("%s, when bob's rule is %s: alice gets %v, %q", name, action, ok, got)
				}
				if code := final(w, bob); code[0] != '2' {
					t.Errorf("%s, when bob's rule is %s: bob's client is told %s", name, action, code)
				}
			}
		}
		if n := w.S.Messages().Stats().Waiting; n != 0 {
			t.Errorf("%d notices are kept", n)
		}
	})
}

// Texts of every charset and structure pass octet by octet, at once and when they were
// kept, with the type and encoding they came with.
func TestTextsOfClients(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice := w.Phone()
		for i, name := range slices.Sorted(maps.Keys(texts)) {
			sent, bob := texts[name], w.Phone()
			instance := fmt.Sprint("b", i)
			registerDevice(bob, "bob", instance, 3600)
			writes(alice, "alice", "bob", sent)
			if got, _ := reads(w, bob); got != sent {
				t.Errorf("%s at once: %q", name, got)
			}
			registerDevice(bob, "bob", instance, 0)
			writes(alice, "alice", "bob", sent)
			registerDevice(bob, "bob", instance, 3600)
			if got, _ := reads(w, bob); got != sent {
				t.Errorf("%s, kept: %q", name, got)
			}
			registerDevice(bob, "bob", instance, 0)
			if err := w.S.Messages().Forget(w.T.Context(), bobAOR); err != nil { // devices that are away would get what comes next
				t.Error(err)
			}
		}
	})
}
