package absorb

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// The index agrees with a map, whatever comes and goes, and however many hashes share
// a place.
func TestIndex(t *testing.T) {
	const records = 400
	buf := make([]byte, records*recordHeader)
	var x index
	want := map[uint64]int{}
	rng := rand.New(rand.NewPCG(1, 2))
	for step := range 20_000 {
		at := rng.IntN(records) * recordHeader
		hash := binary.LittleEndian.Uint64(buf[at:])
		if old, ok := want[hash]; ok && old == at {
			x.remove(hash, at, buf)
			x.remove(hash, at, buf) // again: no harm
			delete(want, hash)
		} else {
			// Few upper halves, so that many begin their search at one place, and
			// some whole hashes twice.
			hash = rng.Uint64N(8)<<32 | rng.Uint64N(60)
			binary.LittleEndian.PutUint64(buf[at:], hash)
			x.put(hash, at, buf)
			want[hash] = at
		}
		if x.used != len(want) {
			t.Fatalf("step %d: %d used, want %d", step, x.used, len(want))
		}
		if step%50 > 0 {
			continue
		}
		for hash := range uint64(8 * 60) {
			hash = hash/60<<32 | hash%60
			got, ok := x.get(hash, buf)
			if at, is := want[hash]; ok != is || ok && got != at {
				t.Fatalf("step %d: %x at %d, %v; want %d, %v", step, hash, got, ok, at, is)
			}
		}
	}
}
