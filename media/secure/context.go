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
)

// layout is where a protocol has what is in clear.
type layout struct{ header, ssrc int }

var (
	rtpLayout  = layout{12, 8} // RFC 3550 §5.1
	rtcpLayout = layout{8, 4}  // RFC 3550 §6.4
)

// source is whose packet b is.
func (l layout) source(b []byte) (ssrc uint32, ok bool) {
	if len(b) < l.header || b[0]>>6 != 2 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[l.ssrc:]), true
}

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
	ssrc, ok := rtpLayout.source(b)
	if !ok {
		return nil, ErrShort
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	seq := binary.BigEndian.Uint16(b[2:])
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
	return c.run(b, rtcpLayout, c.knownC, c.encryptRTCP, sentError)
}

func (c *Context) encryptRTCP(b []byte, _ uint32) ([]byte, error) {
	return c.srtp.EncryptRTCP(b, b, &c.rtcp)
}

// run has a cipher work on a packet in place, of a source that is known or may yet
// be. failed names what hinders it.
func (c *Context) run(b []byte, l layout, known map[uint32]struct{}, cipher func(b []byte, ssrc uint32) ([]byte, error), failed func(error) error) ([]byte, error) {
	ssrc, ok := l.source(b)
	if !ok {
		return nil, ErrShort
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, before := known[ssrc]
	if !before && len(known) >= maxSources {
		return nil, ErrSources
	}
	out, err := cipher(b, ssrc)
	if err != nil {
		return nil, failed(err)
	}
	if !before {
		known[ssrc] = struct{}{}
	}
	return out, nil
}

// Unprotect checks and opens an RTP packet in place. Errors tell replay
// (ErrReplay, looked at first and so of anybody's packet), a wrong key
// (ErrWrongKey, ErrMKI) and what is no SRTP (ErrShort). After an error what b
// holds is not defined. No allocation for a good packet of a known SSRC.
func (c *Context) Unprotect(b []byte) ([]byte, error) {
	return c.run(b, rtpLayout, c.known, c.decryptRTP, receivedError)
}

func (c *Context) decryptRTP(b []byte, ssrc uint32) ([]byte, error) {
	if roc, ok := c.inherited[ssrc]; ok {
		return c.first(b, ssrc, roc)
	}
	return c.srtp.DecryptRTP(b, b, &c.header)
}

// UnprotectRTCP does the same for a compound RTCP packet.
func (c *Context) UnprotectRTCP(b []byte) ([]byte, error) {
	return c.run(b, rtcpLayout, c.knownC, c.decryptRTCP, receivedError)
}

func (c *Context) decryptRTCP(b []byte, _ uint32) ([]byte, error) {
	return c.srtp.DecryptRTCP(b, b, &c.rtcp)
}

// Inherit tells a context that receives what the roll-over counters were under the
// key before. Of each source the first good packet reports whether its sender goes on
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
			return out, nil
		}
		failed = err
		copy(b, c.copied)
	}
	c.srtp.SetROC(ssrc, 0)
	return nil, failed
}

// Wrapped reports whether the numbers of anything sent have passed their end, so that
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
