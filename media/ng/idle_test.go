package ng

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Silence ends a call in which somebody should speak, and no other.
func TestIdle(t *testing.T) {
	t.Parallel()
	c, _ := serveIdle(t, time.Second)
	offer := func(id, extra string) {
		ask(t, c, Dict{"command": "offer", "call-id": id, "from-tag": "a", "sdp": sdpA + extra})
	}
	answer := func(id, extra string) {
		ask(t, c, Dict{"command": "answer", "call-id": id, "from-tag": "a", "to-tag": "b", "sdp": sdpB + extra})
	}
	offer("rings", "")
	offer("dead", "")
	answer("dead", "")
	offer("held", "a=sendonly\r\n")
	answer("held", "a=recvonly\r\n")
	offer("resumed", "a=inactive\r\n")
	answer("resumed", "a=inactive\r\n")
	until(t, c, "held", "resumed", "rings")

	ask(t, c, Dict{"command": "offer", "call-id": "resumed", "from-tag": "a", "to-tag": "b", "sdp": strings.Replace(sdpA, "a 1 1", "a 1 2", 1)})
	ask(t, c, Dict{"command": "answer", "call-id": "resumed", "from-tag": "a", "to-tag": "b", "sdp": strings.Replace(sdpB, "b 1 1", "b 1 2", 1)})
	until(t, c, "held", "rings")
}

// until waits for the calls to be those, half a minute at most, and then whether they
// stay.
func until(t *testing.T, c *Client, want ...string) {
	t.Helper()
	var got []string
	for range 300 {
		got = ask(t, c, Dict{"command": "list"}).List("calls")
		slices.Sort(got)
		if slices.Equal(got, want) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(1500 * time.Millisecond)
	if got = ask(t, c, Dict{"command": "list"}).List("calls"); len(got) != len(want) {
		t.Fatalf("calls are %v, want %v", got, want)
	}
}
