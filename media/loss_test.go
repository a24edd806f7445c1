package media

import (
	"slices"
	"testing"
	"time"

	"tandem/media/route"
	"tandem/media/sdp"
	"tandem/test/hearing"
)

// suffering is one call over a bad network, both ways.
type suffering struct {
	net    network
	a, b   *speaker
	lost   [2][]bool // of what a, b say
	begun  time.Time
	report Report
	heard  [2]judged  // by b, by a
	silent [2]judged  // had silence stood where packets were lost
	clean  *suffering // the same without either
}

// Speech over networks that lose packets and let them come unevenly, to
// converted sides: what is put in place of what was lost is less harm than
// silence, and the buffer is as long as the network is uneven.
func TestQualityOverBadNetworks(t *testing.T) {
	inTime(t, func(t *testing.T) {
		server := start(t)
		nets := []network{
			{}, {0.01, 1, 0}, {0.05, 1, 0}, {0.10, 1, 0}, {0.01, 3, 0}, {0.05, 3, 0}, {0.10, 3, 0},
			{0, 0, 20 * time.Millisecond}, {0, 0, 40 * time.Millisecond}, {0, 0, 60 * time.Millisecond},
		}
		seconds := 6
		if testing.Short() {
			seconds = 3
			nets = []network{{}, {0.05, 1, 0}, {0, 0, 40 * time.Millisecond}}
		}
		said, mark, words := utterance(t, true, seconds)
		calls := suffer(t, server, said, nets)
		parallel(len(calls), func(i int) { calls[i].judge(t, said, mark, words) })
		t.Log("| network | from | to | lost | concealed | recovered | buffer | ESTOI, with silence | distortion, with silence |")
		for _, c := range calls {
			for w := range c.heard {
				c.compare(t, Which(w))
			}
		}
	})
}

// suffer has calls over all the networks at once.
func suffer(t *testing.T, server *Server, said []int16, nets []network) (calls []*suffering) {
	var sessions []*Session
	for _, pair := range []struct {
		a, b  sdp.Codec
		twice bool // a repeats each packet with the next
	}{{pcmu, pcma, false}, {opus, pcmu, false}, {opus, pcmu, true}} {
		var clean *suffering
		for i, n := range nets {
			if pair.twice && (n.jitter > 0 || n.burst > 1 || n.loss == 0.01) {
				continue // the buffer is known by now, and little is lost by itself
			}
			c := &suffering{net: n, a: newSpeaker(t, pair.a, route.None), b: newSpeaker(t, pair.b, route.None)}
			if i == 0 {
				clean = c
			}
			c.clean, c.a.twice = clean, pair.twice
			c.lost[A] = c.a.prepare(said, fine, n, uint64(i))
			c.lost[B] = c.b.prepare(said, fine, n, uint64(i+100))
			s, _ := dial(t, server, c.a, c.b, Want{Codecs: []string{pair.b.Name}, NoEvents: true}, Want{})
			calls, sessions = append(calls, c), append(sessions, s)
		}
	}
	parallel(len(calls), func(i int) {
		calls[i].begun = together(calls[i].a, calls[i].b)
		calls[i].report = sessions[i].Report()
		sessions[i].Close()
	})
	return calls
}

// judge measures both ways, and what silence would have made of it.
func (c *suffering) judge(t *testing.T, said []int16, mark, words int) {
	ends := [2]*speaker{c.a, c.b}
	for w := range ends {
		to := ends[1-w]
		c.heard[w] = judge(t, said, mark, words, ends[w], to, c.begun)
		if c.net.loss == 0 {
			c.silent[w] = c.heard[w]
			continue
		}
		ref := said[words : len(said)-fine/2]
		gaps := slices.Clone(c.heard[w].aligned)
		for i, lost := range c.lost[w] {
			if from := i*fine/50 - words; lost && from >= 0 && from+fine/50 <= len(gaps) {
				clear(gaps[from : from+fine/50])
			}
		}
		c.silent[w] = judged{intelligible: hearing.Intelligibility(ref, gaps, fine), distortion: hearing.LogSpectralDistance(ref, gaps, fine, 3400)}
	}
}

// compare holds one way of a call against the same on a perfect network.
func (c *suffering) compare(t *testing.T, from Which) {
	side := c.report.Streams[0].Sides[from]
	lost := 0
	for _, l := range c.lost[from] {
		if l {
			lost++
		}
	}
	h, s, best := c.heard[from], c.silent[from], c.clean.heard[from]
	ends := [2]*speaker{c.a, c.b}
	name := ends[from].codec.Name
	if ends[from].twice {
		name += ", said twice"
	}
	t.Logf("| %v | %s | %s | %v | %v | %v | %v | %.3f, %.3f | %.2f, %.2f |", c.net, name, ends[1-from].codec.Name, time.Duration(lost)*ptime, side.Path.Concealed.Round(time.Millisecond), side.Path.Recovered.Round(time.Millisecond),
		side.Path.BufferDelay.Round(time.Millisecond), h.intelligible, s.intelligible, h.distortion, s.distortion)
	gone := time.Duration(lost) * ptime
	if side.Path.Skipped > 0 || side.Path.LateTicks > 0 {
		t.Errorf("%s over %v: %v skipped, %d turns late, though nothing kept the workers", name, c.net, side.Path.Skipped, side.Path.LateTicks)
	}
	// Jitter makes a buffer that has yet to learn it conceal more than was lost.
	if d := side.Path.Concealed + side.Path.Recovered - gone; d < -60*time.Millisecond || c.net.jitter == 0 && d > gone/2+time.Second {
		t.Errorf("%s over %v: %v concealed of %v lost", name, c.net, side.Path.Concealed, gone)
	}
	if side.Path.BufferDelay < c.net.jitter/2 || side.Path.BufferDelay > c.net.jitter+150*time.Millisecond {
		t.Errorf("%s over %v: the buffer holds %v", name, c.net, side.Path.BufferDelay)
	}
	if ends[from].twice && side.Path.Recovered < gone/5 || !ends[from].twice && side.Path.Recovered > 0 {
		t.Errorf("%s over %v: %v of %v lost recovered", name, c.net, side.Path.Recovered, gone)
	}
	// In bursts of three most of what is lost lies beyond what can be guessed.
	least := map[float64]float64{0.05: 0.01, 0.10: 0.02}[c.net.loss]
	if c.net.burst > 1 {
		least /= 10
	}
	if worth := h.intelligible - s.intelligible; worth < least && least > 0 {
		t.Errorf("%s over %v: concealment gives ESTOI %.3f, silence %.3f", name, c.net, h.intelligible, s.intelligible)
	}
	if c.net.jitter > 0 && h.intelligible < best.intelligible-0.15 {
		t.Errorf("%s over %v: ESTOI %.3f, without jitter %.3f", name, c.net, h.intelligible, best.intelligible)
	}
}
