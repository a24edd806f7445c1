package suite

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tandem/interop/behaviour"
	"tandem/interop/device"
	"tandem/interop/voice"
	"tandem/interop/wire"
)

// patience is how long a device waits for what must come when the target says
// nothing else. It is long because the machine may be busy; nothing waits for it
// when all is well.
const patience = 20 * time.Second

func (t *Target) patience() time.Duration { return cmp.Or(t.Patience, patience) }

// token is a word nobody else uses.
func token() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// number is one of so many digits that nobody else uses.
func number(digits int) string {
	n, _ := rand.Int(rand.Reader, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)) // never fails
	return fmt.Sprintf("%0*d", digits, n)
}

// newBench is a bench on a target.
func newBench(t *Target, accounts map[string]Account) *bench {
	return &bench{target: t, id: token(), mac: "0004f2" + token()[:6], digits: number(6), accounts: accounts, devices: map[string]*actor{}, kept: map[string]string{}, begun: time.Now()}
}

// bench is what one case works with.
type bench struct {
	target   *Target
	id       string
	accounts map[string]Account // by device
	gateway  *Gateway
	over     map[string]string
	devices  map[string]*actor
	order    []*actor
	begun    time.Time
	missing  string // a variable that had no value
	mac      string // of the phone, where it boots from files
	digits   string
	kept     map[string]string             // of messages, by name
	booted   *device.Device                // the phone as it booted
	beside   []chan error                  // what the operator does meanwhile
	undo     []func(context.Context) error // what he takes back afterwards
}

// actor is one raw endpoint and what it remembers.
type actor struct {
	who  string
	name string // user part it calls from
	host string // of its address of record
	*wire.Endpoint
	patience  time.Duration
	shared    bool // the endpoint belongs to the target
	call, tag string
	described string // the description it was answered last, by which the next one is judged
	offered   []byte // the description that came last
	cseq      int
	invite    int // CSeq of the last INVITE
	rtp       *wire.Media
	voice     *voice.Sound             // from and to rtp
	sent      *wire.Message            // request sent last
	inviting  *wire.Message            // INVITE sent last
	request   *wire.Message            // came last
	requests  map[string]*wire.Message // came last, by method
	response  *wire.Message            // came last
	challenge *wire.Message            // 401 or 407 that came last
	dialog    *dialog
}

// actor opens a device when it is first named.
func (b *bench) actor(ctx context.Context, who string) (*actor, error) {
	if d := b.devices[who]; d != nil {
		return d, nil
	}
	proto := b.over[who]
	if proto == "" {
		proto = "udp"
	}
	to, err := b.target.at(who, proto)
	if err != nil {
		return nil, fmt.Errorf("%s over %s: %w", who, proto, err)
	}
	d := &actor{who: who, patience: b.target.patience(), call: token() + "@" + b.target.Local.String(), tag: token(), cseq: 100, requests: map[string]*wire.Message{}}
	if who == "gateway" && b.gateway != nil && strings.EqualFold(proto, b.gateway.Endpoint.Proto) {
		d.Endpoint, d.shared = b.gateway.Endpoint, true
		d.Forget()
		if proto != "udp" {
			if err := d.Connect(ctx, to); err != nil {
				return nil, err
			}
		}
	} else if d.Endpoint, err = wire.Open(ctx, proto, b.target.Local, to, b.target.TLSConfig); err != nil {
		return nil, err
	}
	switch who {
	case "gateway", "stranger":
		d.name, d.host = "36602", d.Local.Addr().String()
	default:
		d.name, d.host = b.accounts[who].User, b.target.Domain
	}
	b.devices[who] = d
	b.order = append(b.order, d)
	return d, nil
}

// close ends the devices.
func (b *bench) close() {
	for _, d := range b.order {
		if !d.shared {
			d.Close()
		}
		if d.rtp != nil {
			_ = d.rtp.Close()
		}
	}
}

// value of a variable for a device.
func (b *bench) value(ctx context.Context, d *actor) func(string) (string, bool) {
	return func(name string) (string, bool) {
		who, part, _ := strings.Cut(name, ".")
		if kept, ok := strings.CutPrefix(name, behaviour.Kept); ok {
			v, known := b.kept[kept]
			return v, known
		}
		switch who {
		case "gateway", "phone", "second", "stranger":
			other, err := b.actor(ctx, who)
			if err != nil {
				return "", false
			}
			return piece(other.Local, part), true
		case "server":
			return piece(d.To, part), true
		}
		switch name {
		case "domain":
			return b.target.Domain, true
		case "user":
			return b.accounts["phone"].User, true
		case "user2":
			return b.accounts["second"].User, true
		case "number":
			if b.gateway != nil {
				return b.gateway.Number, true
			}
		case "branch":
			return "z9hG4bK" + token(), true
		case "call":
			return d.call, true
		case "tag":
			return d.tag, true
		case "id":
			return b.id, true
		case "mac":
			return b.mac, true
		case "mac.upper":
			return strings.ToUpper(b.mac), true
		case "digits":
			return b.digits, true
		case "cseq":
			return fmt.Sprint(d.cseq), true
		case "invite":
			return fmt.Sprint(d.invite), true
		case "rtp":
			port, err := d.sound()
			return fmt.Sprint(port), err == nil
		}
		return "", false
	}
}

func piece(a netip.AddrPort, part string) string {
	switch part {
	case "host":
		return a.Addr().String()
	case "port":
		return fmt.Sprint(a.Port())
	}
	return a.String()
}

// sound is a port that takes what is sent to it.
func (d *actor) sound() (int, error) {
	if d.rtp == nil {
		c, err := wire.ListenMedia(d.Local.Addr())
		if err != nil {
			return 0, err
		}
		d.rtp = c
	}
	return d.rtp.Port(), nil
}

// fill puts values into a text of a device.
func (b *bench) fill(ctx context.Context, d *actor, text string) string {
	value := b.value(ctx, d)
	return behaviour.Fill(text, func(name string) (string, bool) {
		v, ok := value(name)
		if !ok && name != "length" && (slices.Contains(behaviour.Variables, name) || strings.HasPrefix(name, behaviour.Kept)) {
			b.missing = name
		}
		return v, ok
	})
}

func (b *bench) fillAll(ctx context.Context, d *actor, texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = b.fill(ctx, d, t)
	}
	return out
}

// post sends bytes after the pause the target asks for.
func (b *bench) post(ctx context.Context, d *actor, bytes []byte) error {
	if b.target.Pause > 0 {
		select {
		case <-time.After(b.target.Pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return d.Send(bytes)
}

// wait is the next message for a device that fits.
func (d *actor) wait(ctx context.Context, what string, fits func(*wire.Message) bool) (*wire.Message, error) {
	limited, cancel := context.WithTimeout(ctx, d.patience)
	defer cancel()
	m, err := d.Next(limited, fits)
	if errors.Is(err, wire.ErrQuiet) {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s waits for %s: the run was ended", d.who, what)
		}
		return nil, fmt.Errorf("%s waits for %s: nothing of the kind came within %s", d.who, what, d.patience)
	}
	if err != nil {
		return nil, err
	}
	d.note(m)
	return m, nil
}

// note remembers what came.
func (d *actor) note(m *wire.Message) {
	if bytes.HasPrefix(m.Body, []byte("v=0")) {
		d.offered = m.Body
	}
	if m.IsRequest() {
		d.request = m
		d.requests[m.Method()] = m
		return
	}
	d.response = m
	if m.Status() == 401 || m.Status() == 407 {
		d.challenge = m
	}
	if m.Method() == "INVITE" && m.Status() > 100 && m.Status() < 300 {
		d.calling(m)
	}
}
