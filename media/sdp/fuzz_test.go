package sdp_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/media/sdp"
	"tandem/media/sdp/sdptest/odd"
)

// seeds are descriptions of all kinds.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/*.sdp")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d golden files: %v", len(names), err)
	}
	var all [][]byte
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return append(all,
		[]byte("v=0\no=Cisco-SIPUA (null) (null) IN IP4 1.2.3.4\ns= \nt=0 0\nc=IN IP4 0.0.0.0\n\nm=video 36924 RTP/AVP\nm=audio 1/2 RTP/AVP 0 19"),
		call("a=sendonly", "m=audio 4000 RTP/SAVP 0 101", "a=fmtp:101 0-15", "a=rtpmap:101 telephone-event/8000", "a=crypto:1 X inline:abcdefgh WSH=64", "a=rtcp:5 IN IP6 ::1", "a=ptime:2.5"),
		call("m=image 5000 udptl t38", "a=T38FaxVersion:0", "m=audio 0 RTP/AVP 8"),
	)
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := sdp.Parse(b)
		if err == nil {
			if len(d.Media) > sdp.MaxMedia {
				t.Fatalf("%d m-lines", len(d.Media))
			}
			for i := range d.Media {
				if d.Media[i].Hold() && !sdp.MayHold(b) {
					t.Fatalf("m-line %d is a hold, and MayHold says that none can be:\n%s", i+1, b)
				}
			}
			odd.RoundTrip(t, d)
			return
		}
		var e *sdp.Error
		if !errors.As(err, &e) || e.Status != 400 && e.Status != 488 || e.Reason == "" ||
			e.Line < 0 || e.Line > bytes.Count(b, []byte("\n"))+bytes.Count(b, []byte("\r"))+1 {
			t.Fatalf("error %#v", err)
		}
	})
}

func TestRoundTripSeeds(t *testing.T) {
	for _, s := range seeds(t) {
		odd.RoundTrip(t, parsed(t, s))
	}
}

// TestRoundTripRandom is the same for descriptions made at random.
func TestRoundTripRandom(t *testing.T) {
	for seed := range uint64(2000) {
		g := odd.Maker{R: rand.New(rand.NewPCG(seed, 1))}
		odd.RoundTrip(t, parsed(t, []byte(g.Description())))
	}
}

// call is a description with the usual session part and these lines.
func call(lines ...string) []byte {
	head := []string{"v=0", "o=phone 7 1 IN IP4 10.0.0.9", "s=-", "c=IN IP4 10.0.0.9", "t=0 0"}
	return []byte(strings.Join(append(head, lines...), "\r\n") + "\r\n")
}

func parsed(t testing.TB, text []byte) *sdp.Description {
	t.Helper()
	d, err := sdp.Parse(text)
	if err != nil {
		t.Fatalf("parsing: %v\n%s", err, text)
	}
	return d
}
