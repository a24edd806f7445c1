package im

import (
	"context"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/im/kept"
	"tandem/rtc/location"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// maxDatagram is the largest message that goes by UDP to who can be reached
// otherwise (RFC 3428 §8).
const maxDatagram = 1300

var noFlow transport.Flow

// Users says which addresses are ours.
type Users interface {
	// Ours reports whether host and port are a domain or an address of this server.
	Ours(host []byte, port uint16) bool
	// Domain reports whether host is a domain of ours.
	Domain(host []byte) bool
	// Resolve finds the user whose address-of-record or alias this is.
	Resolve(address rtc.AOR) (rtc.AOR, bool)
	// ResolveFrom is Resolve for what a user has written, "" for nobody of ours: short
	// numbers mean colleagues.
	ResolveFrom(asker, address rtc.AOR) (rtc.AOR, bool)
}

// Verdict is what Config.Rule says about a message.
type Verdict uint8

// The verdicts.
const (
	Deliver Verdict = iota
	// Hold keeps the message until its receiver has decided about the sender.
	Hold
	// Refuse answers as if the receiver did not exist.
	Refuse
	// Drop answers as if the message were kept, and forgets it: the sender is not
	// to know that he is blocked.
	Drop
)

// Ask is what Config.Rule is asked.
type Ask struct {
	From, To rtc.AOR
	Proved   bool // From is proved, not only what the message says
	Notice   bool // it is a report about a message that To sent to From
}

// Event is told about a message that was taken, delivered or lost, for those
// who follow.
type Event struct {
	Kind string // "kept", "held", "delivered", "expired", "refused", "typing"
	To   rtc.AOR
	From rtc.AOR
	ID   int64 // of a kept message, 0 for others
}

// Config of IM. Zero numbers take the defaults.
type Config struct {
	Layer *transaction.Layer
	Uac   uac.Config // Layer, Wire, Resolver and Permit of what is sent
	Reach *reach.Reach
	// Location tells by which device a user wrote.
	Location location.Lookup
	Users    Users
	Store    kept.Store
	Log      *slog.Logger

	// Domain is meant when a Request-URI names an address of ours.
	Domain string
	// TempGRUU finds whom a temporary GRUU means (RFC 5627 §3.1.2); nil = nobody.
	TempGRUU func(uri sip.URI) (aor rtc.AOR, instance string, ok bool)
	// PeerAt names the peer whose address it is, "" for nobody's: a device that
	// registered from there is reached there.
	PeerAt func(netip.AddrPort) string
	// Shape is how messages are written to the device that registered with a device
	// secret; nil, for all or for one: as they came.
	Shape func(device string) uac.Shape
	// Rule says who may write to whom; nil: everybody. It is called for each
	// message, when it comes and again when it was kept, and must be quick.
	Rule func(Ask) Verdict
	// Report says whether a user may be told what becomes of his messages to
	// another; nil: always. Who may not is told that it is forbidden (RFC 5438 §5).
	Report func(sender, receiver rtc.AOR) bool
	// Archive sees every message before it is acknowledged; nil = none.
	Archive Archive
	// Tell is called after something happened, on a lane or a goroutine of the
	// store: it must not block. nil = nobody.
	Tell func(Event)

	// Best sends to the devices of the highest q, and to others only when these
	// do not take the message. Otherwise all devices get it.
	Best bool
	// Copies sends what a user writes to his other devices as well.
	Copies bool
	// Keep is how long a message waits for its receiver, default 7 days; negative:
	// nothing is kept, and who is away cannot be written to.
	Keep time.Duration
	// Patience is how long a device may take to answer before the message is kept
	// for it and the sender is answered, default 4 s.
	Patience time.Duration

	MaxBody       int // octets of a body, default 32 KiB; a longer one gets 413
	MaxMessages   int // kept for one user, default 2000
	MaxOctets     int // kept for one user, default 4 MiB
	MaxAll        int // messages kept in all, default 200,000
	MaxHeld       int // messages of strangers held for one user, default 100
	MaxDevices    int // that a user's messages are kept for, default 8
	MaxDeliveries int // devices served at a time with what was kept, default 256

	Rate  float64 // messages a second that a user may send in the long run, default 10; negative: any number
	Burst int     // that he may send at once, default 100
}

func (c *Config) fill() {
	number := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	number(&c.MaxBody, 32<<10)
	number(&c.MaxMessages, 2000)
	number(&c.MaxOctets, 4<<20)
	number(&c.MaxAll, 200_000)
	number(&c.MaxHeld, 100)
	number(&c.MaxDevices, 8)
	number(&c.MaxDeliveries, 256)
	number(&c.Burst, 100)
	if c.Rate == 0 {
		c.Rate = 10
	}
	if c.Keep == 0 {
		c.Keep = 7 * 24 * time.Hour
	}
	if c.Patience <= 0 {
		c.Patience = 4 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Tell == nil {
		c.Tell = func(Event) {}
	}
	if c.Rule == nil {
		c.Rule = func(Ask) Verdict { return Deliver }
	}
	if c.PeerAt == nil {
		c.PeerAt = func(netip.AddrPort) string { return "" }
	}
}

// IM is the handler of MESSAGE. Make it with New, fill it with Load.
type IM struct {
	cfg    Config
	client *uac.Client
	wire   uac.Wire
	log    *slog.Logger
	seed   maphash.Seed
	shard  [shards]shard
	ids    atomic.Int64 // last one given
	kept   atomic.Int64 // messages
	dirty  dirty
	lines  lines // of messages that wait for the archive
	counts counters
}

type counters struct {
	delivered, kept, held, refused, expired atomic.Uint64
}

// Stats are gauges and counters since start.
type Stats struct {
	Waiting   int    // messages kept now
	Delivered uint64 // messages taken by a device at once
	Kept      uint64
	Held      uint64 // for the consent of their receivers
	Refused   uint64 // by rules and limits
	Expired   uint64 // kept, and not fetched in time
}

// New makes an IM that keeps nothing yet.
func New(cfg Config) *IM {
	cfg.fill()
	cfg.Uac.Layer, cfg.Uac.Log = cfg.Layer, cfg.Log
	im := &IM{cfg: cfg, wire: cfg.Uac.Wire, client: uac.New(cfg.Uac), log: cfg.Log, seed: maphash.MakeSeed(), dirty: newDirty()}
	for i := range im.shard {
		im.shard[i].boxes, im.shard[i].rates = make(map[rtc.AOR]*box), make(map[rtc.AOR]bucket)
	}
	return im
}

// Stats since start.
func (im *IM) Stats() Stats {
	c := &im.counts
	return Stats{int(im.kept.Load()), c.delivered.Load(), c.kept.Load(), c.held.Load(), c.refused.Load(), c.expired.Load()}
}

// Load reads what is kept. It comes before the first request.
func (im *IM) Load(ctx context.Context) error {
	now := time.Now()
	im.ids.Store(now.UnixMilli()) // none twice: who acknowledges a message again is not to lose another
	err := im.cfg.Store.Devices(ctx, func(d kept.Device) {
		if now.Sub(d.Seen) < im.cfg.Keep {
			b := im.of(d.User).box(d.User)
			b.roster = append(b.roster, known{d.Instance, d.Seen, d.Seen})
		}
	})
	if err != nil {
		return err
	}
	return im.cfg.Store.Index(ctx, func(m kept.Message, octets int) {
		b := im.of(m.To).box(m.To)
		b.list = append(b.list, entry{id: m.ID, from: m.From, key: m.Key, octets: octets, arrived: m.Arrived, expires: m.Expires, waiting: m.Waiting, held: m.Held, secure: m.Secure})
		b.octets += octets
		im.kept.Add(1)
		im.ids.Store(max(im.ids.Load(), m.ID))
	})
}

// Run delivers what is kept until ctx ends.
func (im *IM) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { _ = im.client.Run(ctx) })
	return im.serveKept(ctx, &all)
}
