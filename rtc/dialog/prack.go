package dialog

import (
	"fmt"

	"tandem/rtc/sip"
)

// reliableProgress decides about a provisional response to our INVITE: fresh
// is false for one that is to be dropped (a repetition, or one out of order);
// rel for one that needs a PRACK (RFC 3262 §4).
func (s *Session) reliableProgress(m *sip.Message) (fresh, rel bool) {
	if !m.HasToken(sip.HdrRequire, "100rel") {
		return true, false
	}
	n := leadingNumber(m.Get(sip.HdrRSeq))
	if n == 0 || (s.rseq != 0 && n != s.rseq+1) {
		return false, false
	}
	s.rseq = n
	return true, true
}

// Prack acknowledges the last reliable provisional response with a session
// description: the answer to the offer in it. It is needed only then; others
// are acknowledged without the user.
func (s *Session) Prack(c Content) error {
	if s.call == nil || s.rseq == 0 || s.over {
		return ErrState
	}
	s.prack(s.call.seq, c)
	return nil
}

func (s *Session) prack(invite uint32, c Content) {
	if len(c.Body) > 0 {
		s.offerIn = false
	}
	extra := fmt.Appendf(nil, "RAck: %d %d INVITE\r\n", s.rseq, invite)
	s.send("PRACK", extra, c, func(m *sip.Message, err error) {
		if err != nil || m.StatusCode() >= 300 {
			s.ua.cfg.Log.Warn("PRACK failed", "call_id", s.id.CallID, "err", err)
		}
	})
}
