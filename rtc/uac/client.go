package uac

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"tandem/rtc/resolve"
	"tandem/rtc/transaction"
)

// Config of a Client. Zero values take the defaults.
type Config struct {
	Layer    *transaction.Layer
	Wire     Wire
	Resolver *resolve.Resolver // nil: one of its own that is not run, so numeric hosts only
	// Permit says whether a message may go to an address. peer is the gateway
	// that the Way of the request, or of its dialog, names; "" for none. It is
	// asked for every address and flow before anything is sent there, ACK and
	// BYE included, by any goroutine, and must be quick. nil permits all.
	Permit func(peer string, to netip.AddrPort) error
	// Chosen says whether a message may go to an address to which a user led it,
	// who was heard from by; see Way.By. It is asked as Permit is, but not for
	// flows. nil permits all.
	Chosen func(by, to netip.AddrPort) error
	// Silence is how long a next hop may say nothing at all to a request, not
	// even 100, before the next one is tried; default 4 s.
	Silence time.Duration
	Log     *slog.Logger
}

// Client sends requests. Its methods may be called from anywhere unless they
// say otherwise.
type Client struct {
	cfg   Config
	posts chan func()
}

// What becomes of a request that gets no final response. The errors of the
// transaction layer and *rtc.Status of Config.Permit are the others.
var (
	ErrUnreachable = errors.New("destination is unreachable")                // there is no way to where it should go
	ErrSilent      = errors.New("no response at all from the next hop")      // within Config.Silence
	ErrBusy        = errors.New("too many requests wait to be sent")         // of Send
	ErrTimeout     = errors.New("no final response within the time allowed") // of Outside.Timeout
)

// maxPosts is how much work may wait for its lane.
const maxPosts = 4096

// New makes a client.
func New(cfg Config) *Client {
	if cfg.Resolver == nil {
		cfg.Resolver = resolve.New(resolve.Config{Servers: []string{"127.0.0.1:53"}, Hosts: "-"})
	}
	if cfg.Silence <= 0 {
		cfg.Silence = 4 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{cfg: cfg, posts: make(chan func(), maxPosts)}
}

// Wire the client sends by.
func (c *Client) Wire() Wire { return c.cfg.Wire }

// Run carries posted work to its lanes until ctx ends.
func (c *Client) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-c.posts:
			f()
		}
	}
}

// Post has f run on a lane soon; unlike Lane.Do it may be called on any lane.
// It does not block: false means that too much is waiting.
func (c *Client) Post(lane *transaction.Lane, f func()) bool {
	select {
	case c.posts <- func() { lane.Do(f) }:
		return true
	default:
		return false
	}
}
