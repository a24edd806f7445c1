package transaction

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tortureDir finds shared/torture beside a folder above this one.
func tortureDir(t *testing.T) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		at := filepath.Join(dir, "shared", "torture")
		if _, err := os.Stat(at); err == nil {
			return at
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("shared/torture, the folder of RFC 4475 and 5118 messages, is not beside this checkout")
		}
		dir = up
	}
}

// TestTorture takes each message of RFC 4475 and 5118 as a transport would, and
// compares what the layer does by itself with the table: refuse with a status,
// discard, or hand up (what the user then answers is not this layer's).
func TestTorture(t *testing.T) {
	dir := tortureDir(t)
	table, err := os.ReadFile(filepath.Join(dir, "expected.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, line := range strings.Split(strings.TrimSpace(string(table)), "\n")[1:] {
		col := strings.Split(line, "\t")
		suite, file, verdict, want := col[0], col[1], col[4], strings.Fields(col[8])[0]
		if file == "baddn.dat" {
			suite, file = "extra", "baddn_terminated.dat" // the RFC's file lacks its end
		}
		t.Run(file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(dir, suite, file))
			if err != nil {
				t.Fatal(err)
			}
			in(t, Config{}, func(t *testing.T, w *world) {
				w.take(udp(), string(text))
				w.mu.Lock()
				got := strings.TrimPrefix(strings.Join(w.log, ", "), "0s ")
				w.mu.Unlock()
				up := "< " + strings.Fields(string(text))[0]
				allowed := []string{"> " + want}
				switch {
				case verdict == "discard", strings.HasPrefix(string(text), "SIP/2.0 "):
					allowed = []string{""} // responses here are to somebody else (RFC 3261 §18.1.2)
				case verdict == "reject":
					refused++
				default:
					allowed = append(allowed, up)
				}
				if !slices.Contains(allowed, got) {
					t.Errorf("layer did %q, want one of %q", got, allowed)
				}
			})
		})
	}
	if refused < 10 {
		t.Errorf("only %d messages of the table are to be refused: was it read right?", refused)
	}
}
