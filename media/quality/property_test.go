package quality

import (
	"math/rand/v2"
	"testing"
	"time"
)

// plain counts as the definitions say, knowing the whole stream: sent numbers
// in order and whether each came.
func plain(came []bool) (r runs) {
	lossAt := -1 // of the cluster's last loss
	begin, gone := -1, uint64(0)
	closeUp := func() {
		switch {
		case gone > 1:
			r.dense += uint64(lossAt - begin + 1)
			r.denseLost += gone
			r.clusters++
		case gone == 1:
			r.looseLost++
		}
		begin, gone = -1, 0
	}
	for n, ok := range came {
		r.packets++
		if ok {
			continue
		}
		r.lost++
		if n == 0 || came[n-1] {
			r.bursts++
		}
		if gone > 0 && n-lossAt-1 >= minGap {
			closeUp()
		}
		if gone == 0 {
			begin = n
		}
		gone++
		lossAt = n
	}
	closeUp()
	r.loose = r.packets - r.dense
	return r
}

// Whatever is lost, doubled and reordered, the counts are those of somebody
// who knows what was sent.
func TestCountsAreExact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	for round := range 300 {
		loss, late, twice := rnd.Float64()*0.3, rnd.IntN(60), rnd.Float64()*0.2
		burst := 1 + rnd.IntN(200)
		const count = 3000
		type arrival struct{ seq, order int }
		var in []arrival
		came := make([]bool, count)
		for n := 0; n < count; n++ {
			if n > 0 && n < count-1 && rnd.Float64() < loss/float64(burst) {
				n += rnd.IntN(burst)
				continue
			}
			came[min(n, count-1)] = true
			copies := 1
			if rnd.Float64() < twice {
				copies = 2
			}
			for range copies {
				in = append(in, arrival{n, n + rnd.IntN(late+1)})
			}
		}
		came[0], came[count-1] = true, true
		in = append(in, arrival{0, -1}, arrival{count - 1, count + 100})
		// Insertion by order keeps equal ones as they are.
		for i := 1; i < len(in); i++ {
			for k := i; k > 0 && in[k].order < in[k-1].order; k-- {
				in[k], in[k-1] = in[k-1], in[k]
			}
		}
		first := uint16(rnd.Uint32())
		i := Inbound{Clock: 8000}
		unique := uint64(0)
		for k, a := range in {
			at := start.Add(time.Duration(k) * 20 * time.Millisecond)
			switch i.Packet(9, first+uint16(a.seq), uint32(a.seq)*160, 172, at) {
			case Fresh, Late:
				unique++
			case Restart, Stray:
				t.Fatalf("round %d: packet %d is taken for another sequence", round, a.seq)
			}
		}
		want := plain(came)
		if r := i.Report(start); r.Packets != unique || r.Packets+r.Lost != count || r.Lost != want.lost || r.Duplicates != uint64(len(in))-unique {
			t.Fatalf("round %d: %+v, want %d lost of %d", round, r, want.lost, count)
		}
		i.losses.settle(i.history.flush())
		if got := i.losses.seen(); got != want {
			t.Fatalf("round %d: %+v\nwant %+v", round, got, want)
		}
	}
}
