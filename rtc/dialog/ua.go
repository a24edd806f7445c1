package dialog

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"time"

	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// Config of a UA. Zero values take the defaults.
type Config struct {
	Layer    *transaction.Layer
	Wire     Wire
	Resolver *resolve.Resolver // nil: one of its own that is not run, so numeric hosts only
	Table    *Table            // nil: one of its own
	Incoming func(s *Session, in *Incoming)
	Other    func(s *transaction.Server, m *sip.Message) // requests outside dialogs but INVITE; nil answers 405

	User      string        // user part of our Contacts
	Allow     string        // methods, default all this package answers
	Supported []string      // further option tags
	Sticky    bool          // send in dialogs by the flow the peer was last heard on, not where its URI points
	T1, T2    time.Duration // of what the transaction layer does not repeat (2xx, reliable 1xx); 500 ms, 4 s

	SessionExpires time.Duration // interval asked for (RFC 4028); 0 = run a timer only when the peer wants one
	MinSE          time.Duration // shortest interval accepted, default 90 s
	Reliable       bool          // offer 100rel (RFC 3262) in our INVITEs; as UAS it is always understood

	Log    *slog.Logger
	Random func(n int) int // 0 ≤ x < n, for retry times; nil = math/rand
}

// UA makes and receives calls. It is a transaction.TU, or part of one.
type UA struct {
	cfg     Config
	tagSeed maphash.Seed
	posts   chan func()
}

// DefaultAllow are the methods a Session answers or hands to its user.
const DefaultAllow = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE"

// New makes a UA.
func New(cfg Config) *UA {
	if cfg.Resolver == nil {
		cfg.Resolver = resolve.New(resolve.Config{Servers: []string{"127.0.0.1:53"}, Hosts: "-"})
	}
	if cfg.Table == nil {
		cfg.Table = NewTable(0)
	}
	if cfg.Allow == "" {
		cfg.Allow = DefaultAllow
	}
	if cfg.T1 <= 0 {
		cfg.T1 = 500 * time.Millisecond
	}
	if cfg.T2 <= 0 {
		cfg.T2 = 4 * time.Second
	}
	if cfg.MinSE < 90*time.Second { // RFC 4028 §5: never below
		cfg.MinSE = 90 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if cfg.Random == nil {
		cfg.Random = rand.IntN
	}
	return &UA{cfg: cfg, tagSeed: maphash.MakeSeed(), posts: make(chan func(), 1024)}
}

// Table of the UA's dialogs.
func (ua *UA) Table() *Table { return ua.cfg.Table }

// Run carries posted work to its lanes until ctx ends.
func (ua *UA) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-ua.posts:
			f()
		}
	}
}

// Post has f run on a lane soon; unlike Lane.Do it may be called on any lane.
// It does not block: false means that too much is waiting.
func (ua *UA) Post(lane *transaction.Lane, f func()) bool {
	select {
	case ua.posts <- func() { lane.Do(f) }:
		return true
	default:
		return false
	}
}

// Request implements transaction.TU.
func (ua *UA) Request(s *transaction.Server, m *sip.Message) {
	switch {
	case len(m.ToTag()) > 0:
		ua.inside(s, m)
	case m.Method() == sip.INVITE:
		ua.invited(s, m)
	case m.Method() == sip.ACK:
	case ua.cfg.Other != nil:
		ua.cfg.Other(s, m)
	default:
		ua.answer(s, m, 405, ua.tag(m), allowLine(ua.cfg.Allow))
	}
}

// inside passes a request to its dialog (RFC 3261 §12.2.2).
func (ua *UA) inside(s *transaction.Server, m *sip.Message) {
	d := ua.cfg.Table.Find(m)
	switch {
	case d == nil || d.State() == Terminated:
		if m.Method() != sip.ACK {
			ua.answer(s, m, 481, "", nil)
		} else if d != nil {
			d.usage.Request(s, m)
		}
	case !d.Order(s, m):
		ua.answer(s, m, 500, "", nil)
	default:
		d.usage.Request(s, m)
	}
}

// Cancel implements transaction.TU.
func (ua *UA) Cancel(s *transaction.Server, m *sip.Message) {
	if in, ok := s.User.(*Incoming); ok {
		in.canceled(m)
	}
}

// Stray implements transaction.TU: a response to nothing is dropped.
func (ua *UA) Stray(transport.Sink, transport.Flow, *sip.Message) {}

// tag is our tag for the dialog a request begins. It depends on what stays the
// same when the request comes twice by different ways, so that the second is
// recognised as merged (RFC 3261 §8.2.2.2).
func (ua *UA) tag(m *sip.Message) string {
	var h maphash.Hash
	h.SetSeed(ua.tagSeed)
	h.Write(m.CallID())
	h.WriteByte(0)
	h.Write(m.FromTag())
	h.WriteByte(0)
	h.Write(m.Get(sip.HdrCSeq))
	return strconv.FormatUint(h.Sum64(), 36)
}

// answer answers a request without further ado.
func (ua *UA) answer(s *transaction.Server, m *sip.Message, code int, tag string, header []byte) {
	if m.Method() == sip.ACK {
		return
	}
	s.Respond(code, sip.AppendResponse(nil, m, sip.Response{Code: code, ToTag: tag, Header: header}))
}

func allowLine(allow string) []byte { return []byte("Allow: " + allow + "\r\n") }

func (ua *UA) failed(c resolve.Candidate, err error, retryAfter time.Duration) {
	ua.cfg.Resolver.Failed(c, err, retryAfter)
}

func (ua *UA) succeeded(c resolve.Candidate) { ua.cfg.Resolver.Succeeded(c) }

// understands reports whether an option tag of a Require may stand.
func (ua *UA) understands(tag []byte) bool {
	for _, own := range [...]string{"100rel", "timer", "replaces"} {
		if sip.EqualFold(tag, own) {
			return true
		}
	}
	for _, own := range ua.cfg.Supported {
		if sip.EqualFold(tag, own) {
			return true
		}
	}
	return false
}

// unsupported are the Unsupported lines for what a request requires and the UA
// does not understand (RFC 3261 §8.2.2.3).
func (ua *UA) unsupported(m *sip.Message) []byte {
	var lines []byte
	for tag := range m.Values(sip.HdrRequire) {
		if !ua.understands(tag) {
			lines = append(append(append(lines, "Unsupported: "...), tag...), "\r\n"...)
		}
	}
	return lines
}

func (ua *UA) supportedLine(rel bool) string {
	line := "Supported: timer, replaces"
	if rel {
		line += ", 100rel"
	}
	for _, t := range ua.cfg.Supported {
		line += ", " + t
	}
	return line + "\r\n"
}

// What a method that cannot do what is asked returns.
var (
	ErrPending = errors.New("another offer or INVITE is open in this dialog") // RFC 3261 §14.1, RFC 3311 §5.1
	ErrState   = errors.New("not possible in this state of the dialog")
)
