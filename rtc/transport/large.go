package transport

import "tandem/rtc/sip"

// largeAtOnce is how many messages of more than MaxMessage octets are taken at a time:
// who sends them need not have said who he is yet.
const largeAtOnce = 32

const multipart = "multipart/"

// larger is the bound of a message that is longer than MaxMessage: an INVITE that brings
// documents along (RFC 2848 §3.5.1) may be.
func (s *stream) larger(head []byte) (int, *sip.Error) {
	cfg := &s.c.t.cfg
	tooLarge := &sip.Error{Code: 513, Reason: "Message Too Large"}
	_ = s.msg.Parse(head) // its body has not come
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

// small ends what larger has begun.
func (s *stream) small() {
	s.bound = s.c.t.cfg.MaxMessage
	if s.isLarge {
		s.isLarge = false
		<-s.c.t.large
	}
}
