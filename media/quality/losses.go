package quality

import "math/bits"

// history knows which of the last numbers arrived, so that a repeated packet
// differs from a late one and loss is judged only when nothing can mend it.
type history struct {
	seen  [2]uint64 // bit n of the 128: the n-th before the newest
	depth int       // how many of them were expected at all
}

const historyLength = 128

// begin starts with one number, that arrived.
func (h *history) begin() { h.seen, h.depth = [2]uint64{1}, 1 }

// settled are numbers that left the history, the oldest first: how many, and
// for the first 128 which of them arrived (bit 127 the oldest).
type settled struct {
	seen  [2]uint64
	known int // of the 128
	more  int // lost after them
}

// advance moves the newest number on by n and marks it as arrived. It returns
// what left.
func (h *history) advance(n int) settled {
	leave := max(h.depth+n-historyLength, 0) // numbers that leave, some never having been in
	var s settled
	if leave > 0 {
		s.known = min(leave, h.depth)
		s.more = leave - s.known
		s.seen = shift(h.seen, historyLength-h.depth)
	}
	h.seen = shift(h.seen, n)
	h.seen[0] |= 1
	h.depth = min(h.depth+n, historyLength)
	return s
}

// run moves the newest number on by n, all of which arrived, and has what leaves
// judged.
func (h *history) run(n uint64, l *losses) {
	if n > historyLength {
		l.settle(h.flush())
		l.arrived(n - historyLength)
		*h = history{seen: [2]uint64{^uint64(0), ^uint64(0)}, depth: historyLength}
		return
	}
	l.settle(h.advance(int(n)))
	came := shift([2]uint64{^uint64(0), ^uint64(0)}, int(n))
	h.seen[0] |= ^came[0]
	h.seen[1] |= ^came[1]
}

// flush lets all leave.
func (h *history) flush() settled {
	return settled{seen: shift(h.seen, historyLength-h.depth), known: h.depth}
}

// fill marks the number n before the newest as arrived; false when it was.
func (h *history) fill(n int) bool {
	if n >= historyLength || h.seen[n/64]>>(n%64)&1 != 0 {
		return false
	}
	h.seen[n/64] |= 1 << (n % 64)
	h.depth = max(h.depth, n+1)
	return true
}

// shift moves a towards older numbers by n.
func shift(a [2]uint64, n int) [2]uint64 {
	if n >= 64 {
		return [2]uint64{0, a[0] << (n - 64)} // a shift by 64 or more leaves nothing
	}
	return [2]uint64{a[0] << n, a[1]<<n | a[0]>>(64-n)}
}

// minGap is RFC 3611's Gmin: so many packets without loss end a burst.
const minGap = 16

// runs are cumulative counts of settled packets.
type runs struct {
	packets, lost, bursts uint64 // bursts: stretches of consecutive loss
	// RFC 3611 §4.7.2: clusters of loss with fewer than Gmin packets between.
	dense, denseLost, clusters uint64
	loose, looseLost           uint64
}

func (r runs) since(b runs) runs {
	return runs{
		r.packets - b.packets, r.lost - b.lost, r.bursts - b.bursts,
		r.dense - b.dense, r.denseLost - b.denseLost, r.clusters - b.clusters,
		r.loose - b.loose, r.looseLost - b.looseLost,
	}
}

// ratio is G.107's BurstR: the mean length of a stretch of loss over the one
// that random loss of the same amount would have. It is 1 without loss, and
// never less, since shorter stretches than random are but chance.
func (r runs) ratio() float64 {
	if r.bursts == 0 || r.lost >= r.packets {
		return 1
	}
	p := float64(r.lost) / float64(r.packets)
	return max(float64(r.lost)/float64(r.bursts)*(1-p), 1)
}

// losses judges settled packets in their order.
type losses struct {
	done    runs
	run     bool   // the last one was lost
	good    uint64 // arrived since the last loss
	cluster uint64 // packets from the first to the last loss of the cluster at hand
	gone    uint64 // of them lost
}

func (l *losses) settle(s settled) {
	for at := 0; at < s.known; {
		// Runs of equal bits at once: most of the time all arrived.
		word := s.seen[0] << max(at-64, 0) // what comes next, in its high bits
		if at < 64 {
			word = s.seen[1]<<at | s.seen[0]>>(64-at)
		}
		if n := min(bits.LeadingZeros64(^word), s.known-at); n > 0 {
			l.arrived(uint64(n))
			at += n
			continue
		}
		n := min(bits.LeadingZeros64(word), s.known-at)
		l.missed(uint64(n))
		at += n
	}
	if s.more > 0 {
		l.missed(uint64(s.more))
	}
}

func (l *losses) arrived(n uint64) {
	l.done.packets += n
	l.run = false
	l.good += n
}

func (l *losses) missed(n uint64) {
	l.done.packets += n
	l.done.lost += n
	if !l.run {
		l.done.bursts++
		l.run = true
		if l.gone > 0 && l.good < minGap {
			l.cluster += l.good
		} else {
			l.close()
			l.done.loose += l.good
		}
		l.good = 0
	}
	l.cluster += n
	l.gone += n
}

// close ends the cluster at hand. A lost packet alone is no burst.
func (l *losses) close() {
	if l.gone > 1 {
		l.done.dense += l.cluster
		l.done.denseLost += l.gone
		l.done.clusters++
	} else {
		l.done.loose += l.cluster
		l.done.looseLost += l.gone
	}
	l.cluster, l.gone = 0, 0
}

// seen is what was counted, with what is at hand as if it ended now.
func (l *losses) seen() runs {
	now := *l
	now.close()
	now.done.loose += now.good
	return now.done
}
