package ng

import (
	"time"

	"tandem/media"
	"tandem/media/sdp"
)

// How long a call may carry nothing when nothing is expected of it; otherwise
// the media server's own time for silent calls counts. These are rtpengine's
// defaults.
const (
	ringing = time.Hour // offered, not answered
	held    = time.Hour
)

// happened ends a call nobody speaks in any more, as rtpengine does.
func (s *Server) happened(id string, e media.Event) {
	s.log.Debug("media", "call_id", id, "event", e.Kind.String(), "side", e.Side.String(), "err", e.Err)
	if e.Kind != media.EventIdle {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.calls[id]; c != nil {
		c.silence = e.For
		s.idle(id, c)
	}
}

// idle ends a call that has been silent for too long, and otherwise looks
// again when it would have been. Called with mu held.
func (s *Server) idle(id string, c *call) {
	last := c.signalled
	for _, st := range c.session.Report().Streams {
		for _, l := range st.Sides {
			if l.LastHeard.After(last) {
				last = l.LastHeard
			}
		}
	}
	quiet, limit := time.Since(last), max(c.silence, c.patience())
	if quiet >= limit {
		s.log.Info("call without media ended", "call_id", id, "dur", quiet)
		s.end(id)
		return
	}
	if c.again != nil {
		c.again.Stop()
	}
	c.again = time.AfterFunc(limit-quiet, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.calls[id] == c {
			s.idle(id, c)
		}
	})
}

// patience is how long silence is in order; 0 when somebody should speak.
func (c *call) patience() time.Duration {
	switch {
	case c.answer == [2]string{}:
		return ringing
	case c.quiet[media.A] || c.quiet[media.B]:
		return held
	}
	return 0
}

// heard takes notice of a description a side sent: whether it wants to speak
// and to hear at all.
func (c *call) heard(from media.Which, text string) {
	c.signalled = time.Now()
	if c.again != nil {
		c.again.Reset(c.silence)
	}
	d, err := sdp.Parse([]byte(text))
	if err != nil {
		return // it will be refused
	}
	c.quiet[from] = true
	for i := range d.Media {
		if m := &d.Media[i]; m.Port != 0 && m.Direction == sdp.SendRecv && !m.Hold() {
			c.quiet[from] = false
		}
	}
}
