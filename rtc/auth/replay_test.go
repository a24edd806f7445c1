package auth

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

func TestNonceCountWindow(t *testing.T) {
	type step struct {
		nc      uint32
		counted bool
		request uint64
		want    use
	}
	cases := []struct {
		name  string
		steps []step
	}{
		{"advances", []step{{1, true, 1, useFresh}, {2, true, 2, useFresh}, {3, true, 3, useFresh}}},
		{"skips what ACK used", []step{{1, true, 1, useFresh}, {3, true, 2, useFresh}}},
		{"begins anywhere", []step{{0x9f, true, 1, useFresh}, {0xa0, true, 2, useFresh}}},
		{"retransmission", []step{{1, true, 1, useFresh}, {1, true, 1, useRepeated}, {1, true, 1, useRepeated}}},
		{"replayed count", []step{{1, true, 1, useFresh}, {1, true, 2, useSpent}, {2, true, 3, useFresh}, {1, true, 1, useSpent}}},
		{"out of order once", []step{{1, true, 1, useFresh}, {5, true, 2, useFresh}, {3, true, 3, useFresh}, {3, true, 4, useSpent}, {2, true, 5, useFresh}}},
		{"window is 64", []step{{100, true, 1, useFresh}, {37, true, 2, useFresh}, {36, true, 3, useSpent}}},
		{"far ahead empties the window", []step{{1, true, 1, useFresh}, {0xffffffff, true, 2, useFresh}, {0xfffffffe, true, 3, useFresh}, {1, true, 4, useSpent}}},
		{"count zero", []step{{0, true, 1, useFresh}, {0, true, 2, useSpent}, {1, true, 3, useFresh}}},
		{"without qop once", []step{{0, false, 1, useFresh}, {0, false, 1, useRepeated}, {0, false, 2, useSpent}}},
		{"qop after none", []step{{0, false, 1, useFresh}, {1, true, 2, useSpent}}},
		{"none after qop", []step{{1, true, 1, useFresh}, {0, false, 2, useSpent}, {0, false, 1, useSpent}}},
	}
	for _, c := range cases {
		r, n := newReplays(100), nonce{id: 7, made: 1000}
		for i, s := range c.steps {
			if got := r.use(n, s.nc, s.counted, s.request); got != s.want {
				t.Errorf("%s: step %d: %d, want %d", c.name, i, got, s.want)
			}
		}
	}
}

// TestForgottenNonceIsSpent: a nonce that was dropped must not become usable again.
func TestForgottenNonceIsSpent(t *testing.T) {
	r := newReplays(3 * replayShards)
	at := func(i int) nonce { return nonce{id: uint64(i) * replayShards, made: uint32(1000 + i)} } // all in one shard
	for i := range 5 {
		if r.use(at(i), 1, true, 1) != useFresh {
			t.Fatalf("nonce %d refused", i)
		}
	}
	for i := range 2 {
		if r.use(at(i), 2, true, 2) != useSpent {
			t.Errorf("forgotten nonce %d works again", i)
		}
	}
	for i := 2; i < 5; i++ {
		if r.use(at(i), 2, true, 2) != useFresh {
			t.Errorf("remembered nonce %d refused", i)
		}
	}
	if r.use(nonce{id: 64 * 99, made: 1001}, 1, true, 1) != useSpent {
		t.Error("unknown nonce as old as a forgotten one accepted")
	}
	if n := len(r.shards[0].ring); n != 3 {
		t.Errorf("%d nonces remembered, limit 3", n)
	}
}

func TestOneOfManyWins(t *testing.T) {
	r, n := newReplays(100), nonce{id: 7, made: 1000}
	var fresh atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if r.use(n, 1, true, uint64(i)) == useFresh {
				fresh.Add(1)
			}
		}()
	}
	wg.Wait()
	if fresh.Load() != 1 {
		t.Errorf("%d requests used one count", fresh.Load())
	}
}

// Ids that collide, forgotten and new ones, against a plain list of the newest.
func TestShardRemembersTheNewest(t *testing.T) {
	const limit = 100
	s := replayShard{limit: limit}
	id := func(i int) uint64 { return uint64(i*i) % 7919 * replayShards }
	var kept []uint64
	for i := range 5 * limit {
		if n := id(i); s.find(n) == nil {
			s.add(window{id: n})
			kept = append(kept, n)
		}
		kept = kept[max(0, len(kept)-limit):]
		for j := range i + 1 {
			w := s.find(id(j))
			if (w != nil) != slices.Contains(kept, id(j)) || w != nil && w.id != id(j) {
				t.Fatalf("after %d: nonce %d: %+v", i, id(j), w)
			}
		}
	}
}
