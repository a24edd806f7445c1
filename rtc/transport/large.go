package transport

import "tandem/rtc/sip"

// largeAtOnce is how many messages of more than MaxMessage octets are received at the
// same time: their senders need not be authenticated yet.
const largeAtOnce = 32

const multipart = "multipart/"

// larger returns the size limit of a message that is longer than MaxMessage: only an
// INVITE that contains documents may be (RFC 2848 §3.5.1).
func (s *stream) larger(head []byte) (int, *sip.Error) {
	cfg := &s.c.t.cfg
	tooLarge := &sip.Error{Code: 513, Reason: "Message Too Large"}
	_ = s.msg.Parse(head) // its body has not arrived
	kind := s.msg.Get(sip.HdrContentType)
	if cfg.MaxMultipart == 0 || s.msg.Method() != sip.INVITE || len(kind) < len(multipart) || !sip.EqualFold(kind[:len(multipart)], multipart) {
		return 0, tooLarge
	}
	select {
	case s.c.t.large <- struct{}{}:
		s.isLarge = true
		s.bound = cfg.MaxMultipart + cfg.MaxMessage
		return s.bound, nil
	default:
		return 0, &sip.Error{Code: 503, Reason: "Too Many Large Messages"}
	}
}

// small ends what larger began.
func (s *stream) small() {
	s.bound = s.c.t.cfg.MaxMessage
	if s.isLarge {
		s.isLarge = false
		<-s.c.t.large
	}
}
