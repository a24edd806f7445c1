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
	// window is how far behind the newest a packet may be: ten seconds of speech in
	// packets of 20 ms, or a burst of video.
	window = 512
	// maxSources limits what one key keeps, whatever SSRCs are received.
	maxSources = 512
)

// layout says where a protocol has its unencrypted fields.
type layout struct{ header, ssrc int }

var (
	rtpLayout  = layout{12, 8} // RFC 3550 §5.1
	rtcpLayout = layout{8, 4}  // RFC 3550 §6.4
)

// source returns the SSRC of b.
func (l layout) source(b []byte) (ssrc uint32, ok bool) {
	if len(b) < l.header || b[0]>>6 != 2 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[l.ssrc:]), true
}

// Context protects or unprotects one direction, RTP and RTCP, of up to 512 SSRCs. It is
// safe for concurrent use: RTP and RTCP may be handled by different goroutines.
//
// It holds the roll-over counters, which are not transmitted. So a caller must keep the
// Context while the key is unchanged (Key.Equal), through hold, resume and every
// re-INVITE, and make a new one for a new key. A lost counter would mean silence from
// the first wrap on. With a new key some senders go on counting (RFC 3711 §3.3.1) and
// others restart: Inherit allows both.
type Context struct {
	mu     sync.Mutex
	srtp   *srtp.Context
	header rtp.Header
	rtcp   rtcp.Header
	sent   map[uint32]*history
	known  map[uint32]struct{} // SSRCs of RTP received
	knownC map[uint32]struct{} // SSRCs of RTCP, in either direction

	inherited map[uint32]uint32 // counters of SSRCs under the previous key that were not heard yet
	copied    []byte            // copy of a packet that is tried with several counters
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

// Protect protects an RTP packet in place; b must have 64 octets of spare capacity.
// Nothing is allocated once an SSRC is known.
//
// Each sequence number is protected only once: a second packet would use the same key
// stream, and for a GCM key that reveals enough to forge packets (RFC 3711 §9.1, RFC
// 7714 §8.4). The error is ErrReplay, also for packets older than 512 numbers.
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

// ProtectRTCP protects a compound RTCP packet in place; b must have 64 octets of spare
// capacity. Nothing is allocated once an SSRC is known.
func (c *Context) ProtectRTCP(b []byte) ([]byte, error) {
	return c.run(b, rtcpLayout, c.knownC, c.encryptRTCP, sentError)
}

func (c *Context) encryptRTCP(b []byte, _ uint32) ([]byte, error) {
	return c.srtp.EncryptRTCP(b, b, &c.rtcp)
}

// run applies a cipher to a packet in place, if its source is known or may become
// known. failed converts the cipher's error.
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

// Unprotect verifies and decrypts an RTP packet in place. The errors distinguish replay
// (ErrReplay, which is checked first, before authentication), a wrong key (ErrWrongKey,
// ErrMKI) and a packet that is not SRTP (ErrShort). After an error the content of b is
// undefined. Nothing is allocated for a valid packet of a known SSRC.
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

// Inherit gives a receiving context the roll-over counters under the previous key. The
// first valid packet of each source shows whether its sender goes on counting or has
// restarted.
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

// first decrypts the first packet of a source that had a counter before: the sender may
// have restarted, gone on, or wrapped meanwhile.
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

// Wrapped reports whether the numbers of a sent stream have wrapped, so that its
// counter is not 0.
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

// sentError converts an error of sending.
func sentError(err error) error {
	if err.Error() == "exceeded the maximum number of packets" { // the library exports no name for it
		return ErrKeySpent
	}
	return ErrShort
}

// receivedError returns why a packet was refused. The errors are constants: a flood of
// bad packets must not make us build strings.
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
