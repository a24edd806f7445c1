package exchange

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tandem/media/sdp"
)

var here = netip.MustParseAddr("192.0.2.1")

// text makes a description of lines, each ended by CRLF.
func text(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

// call is a description with the usual session part and these m-lines.
func call(lines ...string) string {
	return text(append([]string{"v=0", "o=phone 7 1 IN IP4 10.0.0.9", "s=-", "c=IN IP4 10.0.0.9", "t=0 0"}, lines...)...)
}

func parsed(t testing.TB, s string) *sdp.Description {
	t.Helper()
	d, err := sdp.Parse([]byte(s))
	if err != nil {
		t.Fatalf("parsing: %v\n%s", err, s)
	}
	return d
}

// codecs makes a list of names, each perhaps with "=number" behind.
func codecs(list ...string) []sdp.Codec {
	var all []sdp.Codec
	for _, s := range list {
		name, number, _ := strings.Cut(s, "=")
		n, _ := strconv.Atoi(number)
		all = append(all, sdp.Codec{Name: name, PayloadType: uint8(n)}.Complete())
	}
	return all
}

func audio(list ...string) Line {
	return Line{Kind: "audio", Addr: here, Port: 40000, Codecs: codecs(list...), Ptime: 20}
}

// answer takes an offer and answers it.
func answer(t testing.TB, a *Agent, offer string, lines ...Line) (*sdp.Description, []Agreed) {
	t.Helper()
	if err := a.TakeOffer(parsed(t, offer)); err != nil {
		t.Fatalf("taking the offer: %v", err)
	}
	d, g, err := a.Answer(lines)
	if err != nil {
		t.Fatalf("answering: %v\n%s", err, offer)
	}
	return d, g
}

func offer(t testing.TB, a *Agent, lines ...Line) *sdp.Description {
	t.Helper()
	d, err := a.Offer(lines)
	if err != nil {
		t.Fatalf("offering: %v", err)
	}
	return d
}

func takeAnswer(t testing.TB, a *Agent, s string) []Agreed {
	t.Helper()
	g, err := a.TakeAnswer(parsed(t, s))
	if err != nil {
		t.Fatalf("taking the answer: %v\n%s", err, s)
	}
	return g
}

func written(d *sdp.Description) string { return string(d.Append(nil)) }

// mline is the i-th m= line of a description with its attributes.
func mline(d *sdp.Description, i int) string {
	sections := strings.Split(string(d.Append(nil)), "\r\nm=")
	return strings.TrimSuffix("m="+sections[i+1], "\r\n")
}

func wantLines(t testing.TB, got string, lines ...string) {
	t.Helper()
	have := strings.Split(got, "\r\n")
	for _, l := range lines {
		if !slices.Contains(have, l) {
			t.Errorf("no line %q in\n%s", l, got)
		}
	}
}

func wantNoLine(t testing.TB, got string, starts ...string) {
	t.Helper()
	for l := range strings.SplitSeq(got, "\r\n") {
		for _, s := range starts {
			if strings.HasPrefix(l, s) {
				t.Errorf("line %q should not be in\n%s", l, got)
			}
		}
	}
}

// numbers shows what was agreed as name:send/receive.
func numbersOf(g Agreed) string {
	var all []string
	for _, c := range g.Codecs {
		all = append(all, c.Canonical()+":"+strconv.Itoa(int(c.Send))+"/"+strconv.Itoa(int(c.Receive)))
	}
	return strings.Join(all, " ")
}

// golden compares with a file; UPDATE=1 writes it.
func golden(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("..", "testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

func sprintNumber(n uint8) string { return strconv.Itoa(int(n)) }

func sprint(v any) string { return fmt.Sprintf("%v %+v", v, v) }

// codec returns the codec of a payload number, or nil.
func codec(m *sdp.Media, n uint8) *sdp.Codec {
	for i := range m.Codecs {
		if m.Codecs[i].PayloadType == n {
			return &m.Codecs[i]
		}
	}
	return nil
}
