package secure

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
)

// The errors of a handshake, in addition to those of DTLS itself.
var (
	ErrClosed  = errors.New("handshake closed")
	ErrTimeout = errors.New("no DTLS handshake in time")
	ErrUnused  = errors.New("far side agreed to no SRTP profile")
	// ErrNoPath is returned by Send while there is no destination. The handshake then
	// waits, and repeats within milliseconds after the path has opened instead of at
	// the next timer.
	ErrNoPath = errors.New("no path yet")
)

const (
	defaultTimeout = 20 * time.Second
	// flight is how often an unanswered flight is repeated. It does not double,
	// although RFC 6347 §4.2.4.1 recommends it: a flight is three datagrams, less than
	// the speech that waits for it, and on a lossy path doubled timers mean seconds of
	// silence.
	flight = 400 * time.Millisecond
	// mtu keeps our flights unfragmented in tunnels, as in browsers.
	mtu = 1200
)

// Handshake is one DTLS-SRTP handshake over a socket that its owner demultiplexes (RFC
// 7983). Its goroutines end with Close, or by themselves when it fails or the far side
// closes.
//
// The owner must only pass in packets from the address that signalling or an
// authenticated connectivity check named. Even so, a stranger at that address costs at
// most one handshake: the server first sends a cookie (RFC 6347 §4.2.1) and accepts one
// ClientHello that has it.
type Handshake struct {
	config HandshakeConfig
	line   *line

	mu     sync.Mutex
	conn   *dtls.Conn
	closed bool
	cancel context.CancelFunc
}

// HandshakeConfig configures a Handshake.
type HandshakeConfig struct {
	Identity          *Identity
	Active            bool   // we send the ClientHello
	Hash, Fingerprint string // of the far side, from its SDP; any other certificate fails
	// Send sends a datagram; it must not block. to is the source of the last record,
	// invalid before the first one.
	Send    func(b []byte, to netip.AddrPort) error
	Timeout time.Duration // 0 = 20 s
	// Done is called once, from the handshake's goroutine: with keys, or with an error
	// after which the handshake is over (ErrClosed when Close came first).
	Done func(send, receive Key, err error)
	// Gone, which may be nil, is called at most once, from the same goroutine, when the
	// far side closes after Done got keys.
	Gone func()
}

// NewHandshake starts a handshake. It returns at once and does not call the functions
// of the config itself.
func NewHandshake(c HandshakeConfig) *Handshake {
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	h := &Handshake{config: c, cancel: cancel, line: newLine(c.Send, c.Active, ctx.Done())}
	go h.run(ctx)
	return h
}

// Packet passes in a received DTLS record. It never blocks: when too many wait it drops
// the record (DTLS repeats). After the handshake it answers retransmissions and handles
// a close_notify.
func (h *Handshake) Packet(b []byte, from netip.AddrPort) { h.line.receive(b, from) }

// Close ends the handshake and, when connected, sends close_notify through Send before
// it returns: close it before the socket. It must not be called from Send, nor with a
// lock held that Send or Done take.
func (h *Handshake) Close() {
	h.mu.Lock()
	conn, before := h.conn, h.closed
	h.closed = true
	h.mu.Unlock()
	if before {
		return
	}
	h.cancel()
	if conn != nil {
		_ = conn.Close()
	}
	_ = h.line.Close()
}

func (h *Handshake) run(ctx context.Context) {
	defer h.Close()
	send, receive, err := h.establish(ctx)
	h.cancel()
	if err != nil {
		h.config.Done(Key{}, Key{}, h.reason(err))
		return
	}
	h.config.Done(send, receive, nil)
	if h.drain() && h.config.Gone != nil {
		h.config.Gone()
	}
}

// drain reads application data, which nobody should send, until the far side or we
// close. It reports whether the far side closed.
func (h *Handshake) drain() bool {
	buf := make([]byte, maxRecord)
	for {
		_, err := h.conn.Read(buf)
		var netErr interface{ Temporary() bool }
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), errors.Is(err, dtls.ErrConnClosed):
			h.mu.Lock()
			defer h.mu.Unlock()
			return !h.closed
		case errors.As(err, &netErr) && netErr.Temporary(): // a warning alert
		default:
			return true
		}
	}
}

func (h *Handshake) establish(ctx context.Context) (send, receive Key, err error) {
	conn, err := h.open()
	if err != nil {
		return Key{}, Key{}, err
	}
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return Key{}, Key{}, ErrClosed
	}
	h.conn = conn
	h.mu.Unlock()
	if err := conn.HandshakeContext(ctx); err != nil {
		return Key{}, Key{}, err
	}
	h.line.established()
	return h.keys(conn)
}

// open sets up DTLS 1.2 with certificates on both sides; only the fingerprint decides
// whether one is trusted (RFC 5763 §5).
func (h *Handshake) open() (*dtls.Conn, error) {
	options := []dtls.Option{
		dtls.WithCertificates(h.config.Identity.Certificate),
		dtls.WithSRTPProtectionProfiles(dtlsProfiles()...),
		dtls.WithInsecureSkipVerify(true),
		dtls.WithVerifyPeerCertificate(h.verify),
		dtls.WithFlightInterval(flight),
		dtls.WithDisableRetransmitBackoff(true),
		dtls.WithMTU(mtu),
		dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}),
	}
	if h.config.Active {
		var client []dtls.ClientOption
		for _, o := range options {
			client = append(client, o)
		}
		return dtls.ClientWithOptions(h.line, somewhere{}, client...)
	}
	server := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
	for _, o := range options {
		server = append(server, o)
	}
	return dtls.ServerWithOptions(h.line, somewhere{}, server...)
}

func (h *Handshake) verify(raw [][]byte, _ [][]*x509.Certificate) error {
	if len(raw) == 0 {
		return fmt.Errorf("%w: none shown", errFingerprint)
	}
	return matchFingerprint(raw[0], h.config.Hash, h.config.Fingerprint)
}

// keys derives both directions' keys (RFC 5764 §4.2).
func (h *Handshake) keys(conn *dtls.Conn) (send, receive Key, err error) {
	chosen, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return Key{}, Key{}, ErrUnused
	}
	var profile Profile
	for p, id := range dtlsNames() {
		if id == chosen {
			profile = p
		}
	}
	s, ok := profile.shape()
	if !ok {
		return Key{}, Key{}, ErrUnused
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return Key{}, Key{}, errors.New("reading the state of DTLS")
	}
	m, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(s.key+s.salt))
	if err != nil {
		return Key{}, Key{}, fmt.Errorf("deriving SRTP keys: %w", err)
	}
	salts := m[2*s.key:]
	client := Key{Profile: profile, Master: append(append([]byte{}, m[:s.key]...), salts[:s.salt]...)}
	server := Key{Profile: profile, Master: append(append([]byte{}, m[s.key:2*s.key]...), salts[s.salt:]...)}
	clear(m)
	if h.config.Active {
		return client, server, nil
	}
	return server, client, nil
}

// reason converts the error that ended a handshake.
func (h *Handshake) reason(err error) error {
	h.mu.Lock()
	closed := h.closed
	h.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case errors.Is(err, context.DeadlineExceeded):
		return ErrTimeout
	}
	return fmt.Errorf("DTLS handshake: %w", err)
}

// dtlsNames are the profiles that use_srtp has numbers for (RFC 5764 §4.1.2,
// RFC 7714 §14.2).
func dtlsNames() map[Profile]dtls.SRTPProtectionProfile {
	return map[Profile]dtls.SRTPProtectionProfile{
		"AEAD_AES_256_GCM":        dtls.SRTP_AEAD_AES_256_GCM,
		"AEAD_AES_128_GCM":        dtls.SRTP_AEAD_AES_128_GCM,
		"AES_CM_128_HMAC_SHA1_80": dtls.SRTP_AES128_CM_HMAC_SHA1_80,
		"AES_CM_128_HMAC_SHA1_32": dtls.SRTP_AES128_CM_HMAC_SHA1_32,
	}
}

func dtlsProfiles() []dtls.SRTPProtectionProfile {
	names := dtlsNames()
	var out []dtls.SRTPProtectionProfile
	for _, p := range Profiles {
		if id, ok := names[p]; ok {
			out = append(out, id)
		}
	}
	return out
}
