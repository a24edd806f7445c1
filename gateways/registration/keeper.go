package registration

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem/gateways"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// Config of a Keeper.
type Config struct {
	Table func() *gateways.Table
	Send  func(o uac.Outside, done func(uac.Reply)) error // as uac.Client.Send
	// Alive sends a keep-alive by a flow; nil sends none.
	Alive func(transport.Flow)
	Key   []byte      // makes the marks in Contacts, the same after a restart
	Tell  func(State) // each change of phase; it must be quick; nil: nobody
	Log   *slog.Logger
}

// Keeper keeps the registrations.
type Keeper struct {
	cfg      Config
	answered chan done
	lines    map[string]*line // by trunk; the loop's alone

	mu     sync.Mutex
	states map[string]State
}

type done struct {
	l *line
	a answer
}

const (
	markParam    = "line" // of the Contact's URI, as phones name theirs
	registerWait = 12 * time.Second
	tick         = 500 * time.Millisecond
	aliveUDP     = 25 * time.Second // NATs forget UDP after 30 s
	aliveStream  = 90 * time.Second // RFC 5626 §4.4.1
)

// New makes a Keeper. Run registers.
func New(cfg Config) *Keeper {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{cfg: cfg, answered: make(chan done, 2*gateways.MaxTrunks), lines: make(map[string]*line), states: make(map[string]State)}
}

// Run keeps the registrations until ctx ends. It does not undo them then: the
// next start finds them, and calls go on to come in.
func (k *Keeper) Run(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case d := <-k.answered:
			k.settle(d.l, d.a, time.Now())
		case now := <-t.C:
			k.look(now)
		}
	}
}

// States of all registrations, by name of the trunk.
func (k *Keeper) States() []State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.SortedFunc(maps.Values(k.states), func(a, b State) int { return strings.Compare(a.Trunk, b.Trunk) })
}

// State of the registration with a trunk; false when it wants none.
func (k *Keeper) State(trunk string) (State, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.states[trunk]
	return s, ok
}

// Led is the trunk whose registration led a request here, by the mark in its
// Request-URI; "" when it has none. The mark is no secret on the wire: whoever
// sends the request must be known to be the trunk's by other means.
func (k *Keeper) Led(uri sip.URI) string {
	v, ok := uri.Param(markParam)
	if !ok || len(v) != 16 {
		return ""
	}
	for _, t := range k.cfg.Table().All() {
		if t.Register != gateways.RegisterOff && k.mark(t.Name) == string(v) {
			return t.Name
		}
	}
	return ""
}

// mark names a trunk in a Contact without telling its name.
func (k *Keeper) mark(trunk string) string {
	h := hmac.New(sha256.New, k.cfg.Key)
	h.Write([]byte("registration " + trunk))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// look begins, refreshes and ends what is due.
func (k *Keeper) look(now time.Time) {
	table := k.cfg.Table()
	for _, t := range table.All() {
		if t.Disabled || t.Register == gateways.RegisterOff {
			continue
		}
		l := k.lines[t.Name]
		if l != nil && l.trunk != t && l.shape != shapeOf(t) {
			k.undo(l)
			l = nil
		}
		if l == nil {
			l = newLine(t, k.mark(t.Name), now)
			k.lines[t.Name] = l
			k.show(l)
		}
		l.trunk = t
		k.watch(l, now)
		k.beat(l, now)
		if !l.busy && !now.Before(l.due) {
			k.send(l)
		}
	}
	for name, l := range k.lines {
		if t := table.ByName(name); t == nil || t.Disabled || t.Register == gateways.RegisterOff {
			k.undo(l)
			delete(k.lines, name)
			k.mu.Lock()
			delete(k.states, name)
			k.mu.Unlock()
		}
	}
}

// watch registers again at once when the connection has gone that calls come by,
// and when a provider is back that was away: it may have forgotten us.
func (k *Keeper) watch(l *line, now time.Time) {
	health, _, _ := l.trunk.Health()
	bad := health != gateways.Up
	back := l.bad && !bad
	l.bad = bad
	gone := !l.flow.IsZero() && !l.flow.Alive()
	if l.busy || l.state.Phase == Refused || !back && !(gone && l.state.Phase == Registered) {
		return
	}
	if gone {
		l.flow = transport.Flow{}
	}
	l.due = now
}

// beat keeps NATs and firewalls on the way open.
func (k *Keeper) beat(l *line, now time.Time) {
	if k.cfg.Alive == nil || l.state.Phase != Registered || now.Before(l.alive) || !l.flow.Alive() {
		return
	}
	every := aliveUDP
	if l.flow.ID() != 0 {
		every = aliveStream
	}
	l.alive = now.Add(every)
	k.cfg.Alive(l.flow)
}

// send sends the REGISTER of a line.
func (k *Keeper) send(l *line) {
	l.busy = true
	asked, mark := l.asked, l.mark
	err := k.cfg.Send(l.register(asked), func(r uac.Reply) { k.answered <- done{l, read(r, asked, mark)} })
	if err != nil { // too much to do here
		l.busy, l.due = false, time.Now().Add(time.Second)
	}
}

// undo tells the provider that we are there no more. The answer is of no interest.
func (k *Keeper) undo(l *line) {
	l.over = true
	l.trunk.Unregistered("")
	if time.Now().Before(l.known) {
		_ = k.cfg.Send(l.register(0), nil)
	}
}

// settle takes the answer to a line's REGISTER.
func (k *Keeper) settle(l *line, a answer, now time.Time) {
	l.busy = false
	l.seq = max(l.seq, a.seq)
	if l.over {
		return
	}
	if a.code == 423 && a.minExpires > l.asked && a.minExpires <= longestPause { // RFC 3261 §10.2.8
		l.asked, l.due = a.minExpires, now
		return
	}
	v := judge(l.trunk, a, l.state.Failed+1)
	if v.next && l.address+1 < len(l.trunk.Addresses) {
		l.address, l.due, l.flow = l.address+1, now, transport.Flow{}
		return
	}
	before := l.state
	l.due = now.Add(v.wait)
	s := &l.state
	s.Phase, s.Next, s.Code, s.Why, s.Remedy = v.phase, l.due, a.code, v.why, v.remedy
	if v.phase == Registered {
		s.Failed, s.Until = 0, now.Add(a.granted)
		l.known = s.Until
		if l.flow != a.flow {
			l.flow, l.alive = a.flow, now
		}
	} else {
		s.Failed++
		s.Until, l.address, l.flow = time.Time{}, 0, transport.Flow{}
	}
	if s.Phase != before.Phase {
		s.Since = now
	}
	l.trunk.Unregistered(v.why)
	k.show(l)
	k.report(before, *s)
}

func (k *Keeper) show(l *line) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.states[l.trunk.Name] = l.state
}

// report logs and tells a change.
func (k *Keeper) report(before, s State) {
	switch {
	case s.Phase == Registered && before.Phase != Registered:
		k.cfg.Log.Info("registered with trunk", "trunk", s.Trunk, "aor", s.Address, "dur", time.Until(s.Until).Round(time.Second))
	case s.Phase != Registered:
		k.cfg.Log.Warn("registration with trunk failed", "trunk", s.Trunk, "aor", s.Address, "code", s.Code, "err", s.Why, "remedy", s.Remedy,
			"dur", time.Until(s.Next).Round(time.Second))
	}
	if s.Phase != before.Phase && k.cfg.Tell != nil {
		k.cfg.Tell(s)
	}
}
