package ng

import "tandem/media"

// happened ends a call in which nobody speaks any more, as rtpengine does.
func (s *Server) happened(c *call, e media.Event) {
	id := c.session.ID()
	s.log.Debug("media", "call_id", id, "event", e.Kind.String(), "side", e.Side.String(), "err", e.Err)
	if e.Kind != media.EventIdle {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[id] == c {
		s.log.Info("call without media ended", "call_id", id, "dur", e.For)
		s.end(id)
	}
}
