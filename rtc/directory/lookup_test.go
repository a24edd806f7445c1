package directory

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
)

// BenchmarkLookup finds the same users again, as between the two requests of a
// REGISTER, and one after the other of many.
func BenchmarkLookupOfMany(b *testing.B) {
	const n = 20_000
	d := New(NewMemory(), []string{"example.com"}, slog.New(slog.DiscardHandler))
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, "user%06d,User %d,longenough\n", i, i)
	}
	if _, err := d.Import(b.Context(), strings.NewReader(lines.String())); err != nil {
		b.Fatal(err)
	}
	names := make([][]byte, n)
	for i, k := range rand.Perm(n) {
		names[i] = fmt.Appendf(nil, "user%06d", k)
	}
	realm := []byte("example.com")
	for _, c := range []struct {
		name string
		of   int
	}{{"same", 64}, {"many", n}} {
		b.Run(c.name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				if a, _ := d.Lookup(names[i], realm); a == nil {
					b.Fatal(i)
				}
				if i++; i == c.of {
					i = 0
				}
			}
		})
	}
}
