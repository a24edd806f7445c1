package secure

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

const (
	// window is how far behind the newest a packet may come: ten seconds of
	// 20 ms speech, or a burst of video.
	window = 512
	// maxSources bounds what one key keeps, whatever SSRCs are sent.
	maxSources = 512

	rtpHeader  = 12
	rtcpHeader = 8
)

// Context protects or unprotects one direction, RTP and RTCP, of any number of
// SSRCs up to 512. Safe for several goroutines: RTP may be at another's hands
// than RTCP.
//
// It holds the roll-over counters, which are on no wire: a caller keeps the
// Context for as long as the key is unchanged (Key.Equal), through hold, resume
// and every re-INVITE, and makes a new one for a new key. A counter lost means
// silence from the first wrap on. Under a new key some senders go on counting, as
// RFC 3711 §3.3.1 has it, and some begin anew: Inherit lets both be heard.
type Context struct {
	mu     sync.Mutex
	srtp   *srtp.Context
	header rtp.Header
	rtcp   rtcp.Header
	sent   map[uint32]*history
	known  map[uint32]struct{} // SSRCs of RTP received
	knownC map[uint32]struct{} // SSRCs of RTCP, either way

	inherited map[uint32]uint32 // counters of SSRCs under the key before, not heard yet
	copied    []byte            // of a packet that is tried with several
}

// NewContext makes the context of one direction.
func NewContext(k Key) (*Context, error) {
	s, err := k.check()
	if err != nil {
		return nil, fmt.Errorf("making an SRTP context: %w", err)
	}
	options := []srtp.ContextOption{srtp.SRTPReplayProtection(window), srtp.SRTCPReplayProtection(window)}
	if len(k.MKI) > 0 {
		options = append(options, srtp.MasterKeyIndicator(k.MKI))
	}
	inner, err := srtp.CreateContext(k.Master[:s.key], k.Master[s.key:], s.pion, options...)
	if err != nil {
		return nil, fmt.Errorf("making an SRTP context: %w", err)
	}
	for _, other := range k.Others {
		if _, err := other.check(); err != nil || other.Profile != k.Profile {
			return nil, fmt.Errorf("making an SRTP context: %w: a further key does not match the first", ErrKey)
		}
		if err := inner.AddCipherForMKI(other.MKI, other.Master[:s.key], other.Master[s.key:]); err != nil {
			return nil, fmt.Errorf("making an SRTP context: %w", err)
		}
	}
	return &Context{srtp: inner, sent: map[uint32]*history{}, known: map[uint32]struct{}{}, knownC: map[uint32]struct{}{}}, nil
}

// Format hides the derived keys from every verb.
func (c *Context) Format(f fmt.State, verb rune) { _, _ = f.Write([]byte("secure.Context (secret)")) }

// Protect protects an RTP packet in place; b must have 64 octets of spare
// capacity. No allocation once an SSRC is known.
//
// A sequence number is protected once: a second packet under it would be made
// with the same key stream, and of a GCM key that gives away enough to forge
// (RFC 3711 §9.1, RFC 7714 §8.4). It is ErrReplay, as is one older than 512
// packets.
func (c *Context) Protect(b []byte) ([]byte, error) {
	if len(b) < rtpHeader || b[0]>>6 != 2 {
		return nil, ErrShort
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ssrc, seq := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint16(b[2:])
	h, known := c.sent[ssrc]
	switch {
	case !known && len(c.sent) >= maxSources:
		return nil, ErrSources
	case known && !h.fresh(seq):
		return nil, ErrReplay
	}
	out, err := c.srtp.EncryptRTP(b, b, &c.header)
	if err != nil {
		return nil, sentError(err)
	}
	if !known {
		h = &history{}
		c.sent[ssrc] = h
	}
	h.mark(seq)
	return out, nil
}

// ProtectRTCP protects a compound RTCP packet in place; b must have 64 octets
// of spare capacity. No allocation once an SSRC is known.
func (c *Context) ProtectRTCP(b []byte) ([]byte, error) {
	if len(b) < rtcpHeader || b[0]>>6 != 2 {
		return nil, ErrShort
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ssrc := binary.BigEndian.Uint32(b[4:])
	if full(c.knownC, ssrc) {
		return nil, ErrSources
	}
	out, err := c.srtp.EncryptRTCP(b, b, &c.rtcp)
	if err != nil {
		return nil, sentError(err)
	}
	remember(c.knownC, ssrc)
	return out, nil
}

// Unprotect checks and opens an RTP packet in place. Errors tell replay
// (ErrReplay, looked at first and so of anybody's packet), a wrong key
// (ErrWrongKey, ErrMKI) and what is no SRTP (ErrShort). After an error what b
// holds is not defined. No allocation for a good packet of a known SSRC.
func (c *Context) Unprotect(b []byte) ([]byte, error) {
	if len(b) < rtpHeader || b[0]>>6 != 2 {
		return nil, ErrShort
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ssrc := binary.BigEndian.Uint32(b[8:])
	if full(c.known, ssrc) {
		return nil, ErrSources
	}
	if roc, ok := c.inherited[ssrc]; ok {
		return c.first(b, ssrc, roc)
	}
	out, err := c.srtp.DecryptRTP(b, b, &c.header)
	if err != nil {
		return nil, receivedError(err)
	}
	remember(c.known, ssrc)
	return out, nil
}

// Inherit tells a context that receives what the roll-over counters were under the
// key before. Of each source the first good packet says whether its sender goes on
// counting or has begun anew.
func (c *Context) Inherit(before *Context) {
	if before == nil || before == c {
		return
	}
	before.mu.Lock()
	counters := maps.Clone(before.inherited)
	for ssrc := range before.known {
		if roc, ok := before.srtp.ROC(ssrc); ok {
			if counters == nil {
				counters = map[uint32]uint32{}
			}
			counters[ssrc] = roc
		}
	}
	before.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inherited = counters
}

// first opens the first packet of a source that has a counter from before: begun
// anew, gone on, or wrapped meanwhile.
func (c *Context) first(b []byte, ssrc, roc uint32) ([]byte, error) {
	c.copied = append(c.copied[:0], b...)
	var failed error
	for _, try := range [...]uint32{0, roc, roc + 1} {
		c.srtp.SetROC(ssrc, try)
		out, err := c.srtp.DecryptRTP(b, b, &c.header)
		if err == nil {
			delete(c.inherited, ssrc)
			remember(c.known, ssrc)
			return out, nil
		}
		failed = err
		copy(b, c.copied)
	}
	c.srtp.SetROC(ssrc, 0)
	return nil, receivedError(failed)
}

// Wrapped says whether the numbers of anything sent have passed their end, so that
// its counter is not 0.
func (c *Context) Wrapped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.sent {
		if h.wrapped {
			return true
		}
	}
	return false
}

// UnprotectRTCP does the same for a compound RTCP packet.
func (c *Context) UnprotectRTCP(b []byte) ([]byte, error) {
	if len(b) < rtcpHeader || b[0]>>6 != 2 {
		return nil, ErrShort
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ssrc := binary.BigEndian.Uint32(b[4:])
	if full(c.knownC, ssrc) {
		return nil, ErrSources
	}
	out, err := c.srtp.DecryptRTCP(b, b, &c.rtcp)
	if err != nil {
		return nil, receivedError(err)
	}
	remember(c.knownC, ssrc)
	return out, nil
}

func full(known map[uint32]struct{}, ssrc uint32) bool {
	_, ok := known[ssrc]
	return !ok && len(known) >= maxSources
}

func remember(known map[uint32]struct{}, ssrc uint32) {
	if _, ok := known[ssrc]; !ok {
		known[ssrc] = struct{}{}
	}
}

// sentError names what hinders sending.
func sentError(err error) error {
	if err.Error() == "exceeded the maximum number of packets" { // the library exports no name for it
		return ErrKeySpent
	}
	return ErrShort
}

// receivedError names why a packet was not taken. The answers are constants: a
// flood of bad packets shall not make us build strings.
func receivedError(err error) error {
	switch {
	case errors.Is(err, srtp.ErrFailedToVerifyAuthTag):
		return ErrWrongKey
	case errors.Is(err, srtp.ErrMKINotFound):
		return ErrMKI
	}
	// The library exports no name for a replay either; the cause within has a
	// constant text, the error around it builds one.
	if cause := errors.Unwrap(err); cause != nil && cause.Error() == "duplicated packet" {
		return ErrReplay
	}
	return ErrShort
}
