package transaction

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestAbsorberAgainstModel drives the ring with random records and compares
// every answer with a plain list: what is found is what was put, the newest
// stay, and only expiry or want of room forgets.
func TestAbsorberAgainstModel(t *testing.T) {
	for _, limit := range []int{256, 4 << 10, 20_000, 64 << 10} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			in(t, Config{Lanes: 1, AbsorbBytes: limit}, func(t *testing.T, w *world) {
				modelAbsorber(t, &w.l.lanes[0], limit)
				w.play(nil, time.Since(w.start)+200*sec)
				if n := w.l.Stats().Absorbing; n != 0 || w.l.lanes[0].ring.buf != nil {
					t.Errorf("%d records, %d octets left", n, len(w.l.lanes[0].ring.buf))
				}
			})
		})
	}
}

func modelAbsorber(t *testing.T, ln *Lane, limit int) {
	type item struct {
		key, resp []byte
		expiry    time.Duration
	}
	rng := rand.New(rand.NewPCG(1, uint64(limit)))
	var live []item // oldest first
	forgotten := 0
	for i := range 3000 {
		time.Sleep(time.Duration(rng.IntN(40)) * ms)
		ln.Do(func() {
			key := fmt.Appendf(nil, "key-%d-%0*d", i, rng.IntN(60), 0)
			resp := bytes.Repeat([]byte{byte(i)}, rng.IntN(400))
			it := item{key, resp, ln.l.now() + 32*sec}
			ln.ring.add(ln.l.hash(key), key, resp, ln.l.now(), it.expiry)
			if recordSize(len(key), len(resp)) <= limit {
				live = append(live, it)
			}
			// What is gone must be the oldest: found ones form the list's end.
			for len(live) > 0 && ln.ring.lookup(ln.l.hash(live[0].key), live[0].key) == nil {
				if live[0].expiry > ln.l.now() {
					forgotten++
				}
				live = live[1:]
			}
			for _, it := range live {
				got := ln.ring.lookup(ln.l.hash(it.key), it.key)
				if got == nil || !bytes.Equal(got, it.resp) {
					t.Fatalf("step %d: %s answers %d octets, want %d", i, it.key, len(got), len(it.resp))
				}
			}
			if ln.ring.count != len(live) || ln.ring.index.used != len(live) {
				t.Fatalf("step %d: %d records, %d in the index, want %d", i, ln.ring.count, ln.ring.index.used, len(live))
			}
			if len(ln.ring.buf) > limit {
				t.Fatalf("ring has %d octets, limit %d", len(ln.ring.buf), limit)
			}
		})
	}
	// 32 s of this traffic are some 400 KiB: every limit here makes it forget.
	if forgotten == 0 {
		t.Error("nothing was evicted")
	}
}

func TestAbsorberEvictsTheOldest(t *testing.T) {
	in(t, Config{Lanes: 1, AbsorbBytes: 3000}, func(t *testing.T, w *world) {
		msg := func(i int) {
			come(udp(), "MESSAGE", fmt.Sprintf("Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKm%d;rport", i))(w)
		}
		for i := range 20 {
			msg(i)
			answer(200)(w)
		}
		kept := w.l.Stats().Absorbing
		if kept < 5 || kept > 15 {
			t.Fatalf("%d responses in 3000 octets", kept)
		}
		w.log = nil
		msg(19)
		msg(20 - kept)
		msg(19 - kept)
		w.want("0s > 200", "0s > 200", "0s < MESSAGE")
	})
}

// Of two records with one hash the newer is found, also after the ring grew.
func TestAbsorberSameHash(t *testing.T) {
	in(t, Config{Lanes: 1, AbsorbBytes: 64 << 10}, func(t *testing.T, w *world) {
		ln := &w.l.lanes[0]
		ln.Do(func() {
			add := func(hash uint64, key string) {
				ln.ring.add(hash, []byte(key), []byte("response to "+key), 0, 32*sec)
			}
			add(7, "older")
			add(7, "newer")
			for i := range 500 {
				add(uint64(100+i), fmt.Sprint("other ", i))
			}
			if len(ln.ring.buf) <= firstRing {
				t.Fatal("the ring did not grow")
			}
			if got := ln.ring.lookup(7, []byte("newer")); string(got) != "response to newer" {
				t.Errorf("newer answers %q", got)
			}
			if got := ln.ring.lookup(7, []byte("older")); got != nil {
				t.Errorf("older answers %q", got)
			}
		})
	})
}
