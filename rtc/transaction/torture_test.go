package transaction

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tandem/rtc/sip/torture"
)

// TestTorture takes each message of RFC 4475 and 5118 as a transport would, and
// compares what the layer does by itself with the table: refuse with a status,
// discard, or hand up (what the user then answers is not this layer's).
func TestTorture(t *testing.T) {
	for _, c := range torture.All() {
		t.Run(c.Name, func(t *testing.T) {
			in(t, Config{}, func(t *testing.T, w *world) {
				text := string(c.Bytes())
				w.take(udp(), text)
				w.mu.Lock()
				got := strings.TrimPrefix(strings.Join(w.log, ", "), "0s ")
				w.mu.Unlock()
				allowed := []string{fmt.Sprintf("> %d", c.Code)}
				switch {
				case c.Parse == torture.Discard, c.Response():
					allowed = []string{""} // responses here are to somebody else (RFC 3261 §18.1.2)
				case c.Parse != torture.Reject:
					allowed = append(allowed, "< "+strings.Fields(text)[0])
				}
				if !slices.Contains(allowed, got) {
					t.Errorf("layer did %q, want one of %q", got, allowed)
				}
			})
		})
	}
}
