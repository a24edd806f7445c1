package sip

import (
	"bytes"
	"strings"
	"testing"
)

func TestFrame(t *testing.T) {
	stream := append([]byte("\r\n\r\n"), sampleINVITE...)
	stream = append(stream, sampleREGISTER...)
	stream = append(stream, request("Content-Length : \r\n 2\r\nX:y")...)
	stream = append(stream, "hi"...)
	for step := range 40 {
		step++
		var f Framer
		var got [][]byte
		buf, seen := stream, 0
		for seen < len(buf) {
			seen = min(seen+step, len(buf))
			for {
				n, err := f.Frame(buf[:seen], 4096)
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					break
				}
				got = append(got, buf[:n])
				buf, seen = buf[n:], seen-n
			}
		}
		if len(got) != 3 || len(buf) != 0 {
			t.Fatalf("by %d: %d messages, %d octets left", step, len(got), len(buf))
		}
		for i, want := range [][]byte{sampleINVITE, sampleREGISTER} {
			if !bytes.Equal(parse(t, got[i]).Bytes(), want) {
				t.Errorf("by %d: message %d is\n%s", step, i, got[i])
			}
		}
		text(t, "body", parse(t, got[2]).Body(), "hi")
	}
}

func TestFrameRefuses(t *testing.T) {
	whole := string(request())
	for name, c := range map[string]struct {
		in   string
		code int
	}{
		"none":         {strings.Replace(whole, "Content-Length: 0\r\n", "", 1), 400},
		"two":          {strings.Replace(whole, "Content-Length: 0", "Content-Length: 0\r\nl: 0", 1), 400},
		"two in fold":  {strings.Replace(whole, "Content-Length: 0", "Content-Length: 0\r\n\tl: 0", 1), 400},
		"empty":        {strings.Replace(whole, "Length: 0", "Length:", 1), 400},
		"signed":       {strings.Replace(whole, "Length: 0", "Length: -1", 1), 400},
		"huge":         {strings.Replace(whole, "Length: 0", "Length: 99999999999999999999999", 1), 400},
		"long":         {strings.Replace(whole, "Length: 0", "Length: 100000", 1), 513},
		"over":         {strings.Replace(whole, "Length: 0", "Length: 2147483647", 1), 513},
		"bare LF":      {strings.ReplaceAll(whole, "\r\n", "\n"), 400},
		"one bare LF":  {strings.Replace(whole, "70\r\n", "70\n", 1), 400},
		"endless":      {strings.Repeat("x", 5000), 513},
		"endless head": {"X sip:b SIP/2.0\r\n" + strings.Repeat("a: b\r\n", 1000), 513},
	} {
		var f Framer
		if n, err := f.Frame([]byte(c.in), 4096); err == nil || err.Code != c.code || n != 0 {
			t.Errorf("%s: %d %v, want %d", name, n, err, c.code)
		}
	}
	for _, in := range []string{"", "\r\n\r\n", "\r", "INVITE sip:b SIP/2.0\r\n", whole[:len(whole)-1], "\r\n\r\n" + whole[:len(whole)-2]} {
		var f Framer
		if n, err := f.Frame([]byte(in), 4096); n != 0 || err != nil {
			t.Errorf("%q: %d %v", in, n, err)
		}
	}
	var f Framer
	in := strings.Replace(whole, "Length: 0", "Length: 5", 1) + "12345"
	if n, err := f.Frame([]byte(in), len(in)); n != len(in) || err != nil {
		t.Errorf("exactly max: %d %v", n, err)
	}
	if _, err := f.Frame([]byte(in), len(in)-1); err == nil || err.Code != 513 {
		t.Errorf("one over max: %v", err)
	}
}

// TestFrameDoesNotStartOver hands over a long head octet by octet.
func TestFrameDoesNotStartOver(t *testing.T) {
	head := []byte("X sip:b SIP/2.0\r\n" + strings.Repeat("a: b\r\n", 500) + "l: 0\r\n\r\n")
	var f Framer
	for i := range len(head) {
		n, err := f.Frame(head[:i], 65536)
		if n != 0 || err != nil {
			t.Fatal(i, n, err)
		}
		if i > 100 && f.scanned < i-20 {
			t.Fatalf("%d octets seen, %d kept", i, f.scanned)
		}
	}
	if n, err := f.Frame(head, 65536); n != len(head) || err != nil {
		t.Fatal(n, err)
	}
}
