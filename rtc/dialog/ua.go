package dialog

import (
	"context"
	crand "crypto/rand"
	"errors"
	"hash/maphash"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/internal/keyed"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/uac"
)

// Config of a UA. Zero values take the defaults.
type Config struct {
	Layer *transaction.Layer
	Table *Table // nil: one of its own

	// How requests are sent: see uac.Config.
	Wire     uac.Wire
	Resolver *resolve.Resolver
	Permit   func(peer string, to netip.AddrPort) error
	Chosen   func(by, to netip.AddrPort) error
	Silence  time.Duration

	// Key marks our tags, so that requests in dialogs of before a restart are
	// recognised: secret octets that survive it. nil = random.
	Key []byte

	// MaxPasses is how often one call may come through this server, default 5
	// (an external exchange may have forwarded it back): see Onward.
	MaxPasses int

	User      string        // user part of our Contacts
	Allow     string        // methods, default all this package answers
	Supported []string      // further option tags
	Sticky    bool          // all dialogs are sticky, see Way.Flow and Inbound.Sticky
	T1, T2    time.Duration // of what the transaction layer does not repeat (2xx, reliable 1xx); 500 ms, 4 s

	SessionExpires time.Duration // interval asked for (RFC 4028); 0 = run a timer only when the peer wants one
	MinSE          time.Duration // shortest interval accepted, default 90 s
	Reliable       bool          // offer 100rel (RFC 3262) in our INVITEs; as UAS it is always understood

	Log    *slog.Logger
	Random func(n int) int // 0 ≤ x < n, for retry times; nil = math/rand
}

// UA makes and receives calls. It is the handler of requests in its dialogs.
type UA struct {
	cfg     Config
	tagSeed maphash.Seed
	tags    *keyed.Check
	mark    string // by which a call that was here is recognised
	allow   []byte // header line
	client  *uac.Client

	able, ableReliably []byte // header lines: Supported, without and with 100rel
}

// defaultAllow are the methods a Session answers or hands to its user.
const defaultAllow = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE"

// New makes a UA.
func New(cfg Config) *UA {
	if cfg.Table == nil {
		cfg.Table = newTable(0)
	}
	if cfg.Allow == "" {
		cfg.Allow = defaultAllow
	}
	if cfg.T1 <= 0 {
		cfg.T1 = 500 * time.Millisecond
	}
	if cfg.T2 <= 0 {
		cfg.T2 = 4 * time.Second
	}
	if cfg.MaxPasses <= 0 {
		cfg.MaxPasses = 5
	}
	if cfg.MinSE < 90*time.Second { // RFC 4028 §5: never below
		cfg.MinSE = 90 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if len(cfg.Key) == 0 {
		cfg.Key = make([]byte, 32)
		crand.Read(cfg.Key) // never fails
	}
	if cfg.Random == nil {
		cfg.Random = rand.IntN
	}
	able := strings.Join(append([]string{"Supported: timer, replaces"}, cfg.Supported...), ", ")
	return &UA{cfg: cfg, tagSeed: maphash.MakeSeed(), mark: markOf(cfg.Key), tags: keyed.New(cfg.Key, "dialog tag"),
		allow: []byte("Allow: " + cfg.Allow + "\r\n"), able: []byte(able + "\r\n"), ableReliably: []byte(able + ", 100rel\r\n"),
		client: uac.New(uac.Config{Layer: cfg.Layer, Wire: cfg.Wire,
			Resolver: cfg.Resolver, Permit: cfg.Permit, Chosen: cfg.Chosen, Silence: cfg.Silence, Log: cfg.Log})}
}

// Table of the UA's dialogs.
func (ua *UA) Table() *Table { return ua.cfg.Table }

// Send sends a request outside dialogs, see uac.Client.
func (ua *UA) Send(o uac.Outside, done func(uac.Reply)) error { return ua.client.Send(o, done) }

// Run carries posted work to its lanes until ctx ends.
func (ua *UA) Run(ctx context.Context) error { return ua.client.Run(ctx) }

// Lane of the dialogs with a Call-ID.
func (ua *UA) Lane(callID string) *transaction.Lane { return ua.cfg.Layer.Lane([]byte(callID)) }

// Post has f run on a lane soon; unlike Lane.Do it may be called on any lane.
// It does not block: false means that too much is waiting.
func (ua *UA) Post(lane *transaction.Lane, f func()) bool { return ua.client.Post(lane, f) }

// Serve implements rtc.Handler: it takes requests in dialogs of its Table
// (RFC 3261 §12.2.2) and answers 481 to those in dialogs of ours that are not
// known any more. All others are left to the next handler, also those that
// begin a dialog: see Receive.
func (ua *UA) Serve(r *rtc.Request) error {
	tag := r.ToTag()
	if len(tag) == 0 || r.Method() == sip.CANCEL {
		return rtc.Next
	}
	d := ua.find(r.Message)
	isAck := r.Method() == sip.ACK
	switch {
	case d == nil && !ua.ours(r.CallID(), tag):
		return rtc.Next
	case d == nil && isAck:
		return nil
	case d == nil || d.State() == Terminated && !isAck:
		return &rtc.Status{Code: 481}
	case !d.Order(r):
		return &rtc.Status{Code: 500, Reason: "CSeq Out of Order"}
	}
	return d.serve(r)
}

// find returns the dialog of a request. A NOTIFY may be what makes it
// (RFC 6665 §4.1.2.4).
func (ua *UA) find(m *sip.Message) *Dialog {
	d := ua.cfg.Table.Find(m)
	if d == nil && m.Method() == sip.NOTIFY {
		if d = ua.cfg.Table.Match(m.CallID(), m.ToTag(), nil); d != nil && !d.Pending() {
			return nil
		}
	}
	return d
}

// serve finds the usage of a request. OPTIONS belongs to none (RFC 5057 §5.3).
func (d *Dialog) serve(r *rtc.Request) error {
	if r.Method() != sip.ACK {
		if lines := d.ua.unsupported(r.Message); lines != nil {
			return &rtc.Status{Code: 420, Header: lines}
		}
	}
	if r.Method() == sip.OPTIONS {
		d.ua.tell(r, d.contact()) // RFC 4579 §4.3
		return nil
	}
	if u := d.usageOf(r.Message); u != nil {
		u.Request(r)
	} else if r.Method() != sip.ACK {
		return &rtc.Status{Code: 481}
	}
	return nil
}

// TellFocus answers an OPTIONS outside a dialog whose URI is that of a conference (RFC
// 4579 §4.3, §5.13).
func (ua *UA) TellFocus(r *rtc.Request, uri sip.URI) error {
	if lines := ua.unsupported(r.Message); lines != nil {
		return &rtc.Status{Code: 420, Header: lines}
	}
	ua.tell(r, uac.Contact{User: string(uri.User), Secure: uri.Kind == sip.URISIPS, Params: isFocus})
	return nil
}

// tell answers an OPTIONS with what we are able to.
func (ua *UA) tell(r *rtc.Request, c uac.Contact) {
	r.Respond(200, "", slices.Concat(c.Append(nil, ua.client.Wire(), r.Flow()), ua.allow, ua.ableReliably))
}

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

// What a method that cannot do what is asked returns.
var (
	ErrPending = errors.New("another offer or INVITE is open in this dialog") // RFC 3261 §14.1, RFC 3311 §5.1
	ErrState   = errors.New("not possible in this state of the dialog")
)
