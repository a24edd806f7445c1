package absorb

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// The ring, driven with random records, answers as a plain list does: what is found is
// what was put, the newest stay, and only expiry or want of room forgets.
func TestRingAgainstModel(t *testing.T) {
	for _, limit := range []int{256, 4 << 10, 20_000, 64 << 10} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) { againstModel(t, limit) })
	}
}

func againstModel(t *testing.T, limit int) {
	type item struct {
		hash      uint64
		key, resp []byte
		expiry    time.Duration
	}
	var ring Ring
	ring.Limit(limit)
	rng := rand.New(rand.NewPCG(1, uint64(limit)))
	var live []item // oldest first
	forgotten := 0
	now := time.Duration(0)
	for i := range 3000 {
		now += time.Duration(rng.IntN(40)) * time.Millisecond
		it := item{rng.Uint64(), fmt.Appendf(nil, "key-%d-%0*d", i, rng.IntN(60), 0), bytes.Repeat([]byte{byte(i)}, 1+rng.IntN(400)), now + 32*time.Second}
		ring.Add(it.hash, it.key, it.resp, now, it.expiry)
		if recordSize(len(it.key), len(it.resp)) <= limit {
			live = append(live, it)
		}
		// What is gone must be the oldest: found ones form the list's end.
		for len(live) > 0 {
			if got, _ := ring.Lookup(live[0].hash, live[0].key); got != nil {
				break
			}
			if live[0].expiry > now {
				forgotten++
			}
			live = live[1:]
		}
		for _, it := range live {
			if got, expiry := ring.Lookup(it.hash, it.key); !bytes.Equal(got, it.resp) || expiry != it.expiry {
				t.Fatalf("step %d: %s answers %d octets until %v, want %d until %v", i, it.key, len(got), expiry, len(it.resp), it.expiry)
			}
		}
		if ring.Len() != len(live) || ring.index.used != len(live) {
			t.Fatalf("step %d: %d records, %d in the index, want %d", i, ring.Len(), ring.index.used, len(live))
		}
		if ring.Size() > limit {
			t.Fatalf("the ring has %d octets, limit %d", ring.Size(), limit)
		}
	}
	// 32 s of this traffic are some 400 KiB: every limit here makes it forget.
	if forgotten == 0 {
		t.Error("nothing was evicted")
	}
	ring.Release()
	if ring.Size() == 0 {
		t.Error("a ring with records was released")
	}
	ring.Sweep(now + time.Hour)
	if ring.Release(); ring.Len() != 0 || ring.Size() != 0 {
		t.Errorf("%d records, %d octets left", ring.Len(), ring.Size())
	}
}

// Of two records with one hash the newer is found, also after the ring grew.
func TestSameHash(t *testing.T) {
	var ring Ring
	ring.Limit(64 << 10)
	add := func(hash uint64, key string) {
		ring.Add(hash, []byte(key), []byte("response to "+key), 0, 32*time.Second)
	}
	add(7, "older")
	add(7, "newer")
	for i := range 500 {
		add(uint64(100+i), fmt.Sprint("other ", i))
	}
	if ring.Size() <= firstRing {
		t.Fatal("the ring did not grow")
	}
	if got, _ := ring.Lookup(7, []byte("newer")); string(got) != "response to newer" {
		t.Errorf("newer answers %q", got)
	}
	if got, _ := ring.Lookup(7, []byte("older")); got != nil {
		t.Errorf("older answers %q", got)
	}
}

func BenchmarkRing(b *testing.B) {
	var ring Ring
	ring.Limit(8 << 20)
	key, resp := []byte("z9hG4bK-0123456789abcdef 192.0.2.1:5060 1"), make([]byte, 400)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now := time.Duration(i) * time.Millisecond
		hash := uint64(i) * 0x9e3779b97f4a7c15
		if got, _ := ring.Lookup(hash, key); got != nil {
			b.Fatal("found before it was added")
		}
		ring.Add(hash, key, resp, now, now+32*time.Second)
	}
}
