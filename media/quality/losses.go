package quality

import "math/bits"

// history knows which of the last numbers arrived, to distinguish repeated packets from
// late ones, and to judge a loss only when the packet cannot arrive any more.
type history struct {
	seen  [2]uint64 // bit n: the n-th before the newest arrived
	depth int       // how many numbers were expected
}

const historyLength = 128

// begin starts with one number, that arrived.
func (h *history) begin() { h.seen, h.depth = [2]uint64{1}, 1 }

// settled are numbers that left the history, oldest first: how many, and which of the
// first 128 arrived (bit 127 is the oldest).
type settled struct {
	seen  [2]uint64
	known int // of the 128
	more  int // further numbers after them, which were lost
}

// advance moves the newest number on by n and marks it as arrived. It returns what left
// the history.
func (h *history) advance(n int) settled {
	leave := max(h.depth+n-historyLength, 0) // numbers that leave; some were never in the history
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

// run moves the newest number on by n numbers, all of which arrived, and judges what
// leaves the history.
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

// flush empties the history.
func (h *history) flush() settled {
	return settled{seen: shift(h.seen, historyLength-h.depth), known: h.depth}
}

// fill marks the number n before the newest as arrived; false if it was already.
func (h *history) fill(n int) bool {
	if n >= historyLength || h.seen[n/64]>>(n%64)&1 != 0 {
		return false
	}
	h.seen[n/64] |= 1 << (n % 64)
	h.depth = max(h.depth, n+1)
	return true
}

// shift moves a toward older numbers by n.
func shift(a [2]uint64, n int) [2]uint64 {
	if n >= 64 {
		return [2]uint64{0, a[0] << (n - 64)} // a shift by 64 or more leaves nothing
	}
	return [2]uint64{a[0] << n, a[1]<<n | a[0]>>(64-n)}
}

// minGap is Gmin of RFC 3611: a burst ends after this many packets without loss.
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

// ratio returns BurstR of G.107: the mean length of a run of losses, divided by the
// length under random loss of the same amount. It is 1 without loss, and never less,
// since shorter runs than random ones are chance.
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
	cluster uint64 // packets from the first to the last loss of the current cluster
	gone    uint64 // of them lost
}

func (l *losses) settle(s settled) {
	for at := 0; at < s.known; {
		// Whole runs of equal bits are counted at once: usually all arrived.
		word := s.seen[0] << max(at-64, 0) // the next bits, in its high bits
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

// close ends the current cluster. A single lost packet is not a burst.
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

// seen returns the counts, as if the current run ended now.
func (l *losses) seen() runs {
	now := *l
	now.close()
	now.done.loose += now.good
	return now.done
}
