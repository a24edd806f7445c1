package im

import (
	"bytes"
	"compress/zlib"
	"strconv"
	"testing"

	"tandem/rtc"
	"tandem/rtc/im/kept"
	"tandem/rtc/sip"
)

func deflated(text string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // a buffer takes everything
	_ = w.Close()
	return b.String()
}

// What a message is for is seen through CPIM and through compression, as far as its
// beginning tells; who compresses much into little gains nothing.
func TestKinds(t *testing.T) {
	const head = "From: <sip:a@b>\r\nTo: <sip:c@d>\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: 1\r\n\r\n"
	bomb := deflated(string(make([]byte, 32<<20)))
	for i, c := range []struct {
		kind, encoding, body string
		want                 kind
	}{
		{"text/plain", "", "x", text},
		{"message/imdn+xml", "", "<imdn/>", notice},
		{"application/im-iscomposing+xml", "", "<x/>", fleeting},
		{"message/cpim", "", head + "Content-Type: message/imdn+xml\r\n\r\n<imdn/>", notice},
		{"message/cpim", "deflate", deflated(head + "Content-Type: message/imdn+xml\r\n\r\n<imdn/>"), notice},
		{"message/cpim", "deflate", deflated(head + "Content-Type: application/im-iscomposing+xml\r\n\r\n<x/>"), fleeting},
		{"message/cpim", "deflate", deflated(head + "Content-Type: text/plain\r\n\r\nmessage/imdn+xml"), text},
		{"message/cpim", "deflate", deflated(head + "Content-Type: message/imdn+xml\r\n\r\n<imdn/>")[:60], text},
		{"message/cpim", "br", "\x0b\x02", text},
		{"message/cpim", "deflate", "not compressed", text},
		{"message/cpim", "deflate", bomb, text},
	} {
		b := "MESSAGE sip:c@d SIP/2.0\r\nContent-Type: " + c.kind + "\r\n"
		if c.encoding != "" {
			b += "e: " + c.encoding + "\r\n"
		}
		m := new(sip.Message)
		if err := m.Parse([]byte(b + "Content-Length: " + strconv.Itoa(len(c.body)) + "\r\n\r\n" + c.body)); err != nil {
			t.Fatal(err)
		}
		if got := kindOf(m); got != c.want {
			t.Errorf("%d: a message of %s %s is taken for %d, want %d", i, c.kind, c.encoding, got, c.want)
		}
		if head, _ := kept.Decoded(m, maxHead); len(head) > maxHead {
			t.Errorf("%d: %d octets are read", i, len(head))
		}
	}
}

// Who asks for reports in a compressed message gets them, and a program reads it
// without its compression.
func TestCompressedMessage(t *testing.T) {
	im, _ := alone(t, func(*Config) {})
	alice, bob := rtc.AOR("sip:alice@example.com"), rtc.AOR("sip:bob@example.com")
	b := sip.Builder{}
	b.HeaderString(sip.HdrFrom, "<"+string(alice)+">;tag=1")
	b.HeaderString(sip.HdrTo, "<"+string(bob)+">")
	b.HeaderString(sip.HdrCallID, "1")
	b.HeaderString(sip.HdrCSeq, "1 MESSAGE")
	b.HeaderString(sip.HdrContentEncoding, "deflate")
	f, err := im.flightOf(alice, bob, b.Finish(cpimType, []byte(deflated(cpim))))
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan *rtc.Status, 1)
	f.done = func(st *rtc.Status) { result <- st }
	f.lane.Do(f.begin)
	if st := <-result; st.Code != 202 {
		t.Fatalf("told %d", st.Code)
	}
	w := wishOf(mustParse(t, im, bob))
	if !w.Processing || !w.Failure || w.ID != "34jk324j" {
		t.Errorf("the wish is read as %+v", w)
	}
	m, err := im.Show(t.Context(), bob, im.Queue(bob)[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if kind, body, err := m.Content(); err != nil || kind != cpimType || string(body) != cpim {
		t.Errorf("a program reads %s %q %v", kind, body, err)
	}
}

func mustParse(t *testing.T, im *IM, user rtc.AOR) *sip.Message {
	t.Helper()
	m, err := im.Show(t.Context(), user, im.Queue(user)[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Parsed()
	if err != nil {
		t.Fatal(err)
	}
	return p
}
