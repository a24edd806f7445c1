package ng

import (
	"strings"
	"testing"
)

// A call to a telephone that rings with media and then answers, to several at
// once, and to one after the other: the caller has one leg all the time.
func TestForks(t *testing.T) {
	c, _ := serve(t)
	offer := Dict{"command": "offer", "call-id": "x", "from-tag": "a", "sdp": sdpA, "via-branch": "z9hG4bK1", "direction": []string{"outside", "inside"}}
	answer := func(tag, sdp string) string {
		return ask(t, c, Dict{"command": "answer", "call-id": "x", "from-tag": "a", "to-tag": tag, "sdp": sdp}).String("sdp")
	}
	first := ask(t, c, offer).String("sdp")
	if again := ask(t, c, offer).String("sdp"); port(t, again) != port(t, first) {
		t.Errorf("the same offer for the next branch:\n%s\nand first:\n%s", again, first)
	}
	ringing := answer("b1", sdpB)
	if !strings.Contains(ringing, "c=IN IP4 127.0.0.2") {
		t.Errorf("an answer without direction is for the interface of the offer:\n%s", ringing)
	}
	for _, tag := range []string{"b1", "b2"} {
		text := answer(tag, strings.Replace(sdpB, "7000", "7"+tag[1:]+"00", 1))
		if port(t, text) != port(t, ringing) {
			t.Errorf("answered by %s:\n%s\nbefore:\n%s", tag, text, ringing)
		}
	}
}

// port is that of the first m-line.
func port(t *testing.T, sdp string) string {
	t.Helper()
	_, rest, ok := strings.Cut(sdp, "m=audio ")
	if !ok {
		t.Fatalf("no audio in:\n%q", sdp)
	}
	p, _, _ := strings.Cut(rest, " ")
	return p
}
