package im

import (
	"context"
	"slices"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/im/kept"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
)

// settling is how long after a registration the first kept message is sent: the
// device is to have its 200 first.
const settling = 50 * time.Millisecond

// page is how many kept messages are read at a time.
const page = 100

// dirty are the users whose mailboxes are to be looked at.
type dirty struct {
	mu   *sync.Mutex
	list map[rtc.AOR]struct{} // guarded by mu
	bell chan struct{}
}

func newDirty() dirty {
	return dirty{new(sync.Mutex), make(map[rtc.AOR]struct{}), make(chan struct{}, 1)}
}

func (d *dirty) add(aor rtc.AOR) {
	d.mu.Lock()
	d.list[aor] = struct{}{}
	d.mu.Unlock()
	d.ring()
}

func (d *dirty) ring() {
	select {
	case d.bell <- struct{}{}:
	default:
	}
}

// take returns one of them.
func (d *dirty) take() (aor rtc.AOR, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for aor = range d.list {
		delete(d.list, aor)
		return aor, true
	}
	return "", false
}

// serveKept gives devices what was kept for them, until ctx ends.
func (im *IM) serveKept(ctx context.Context, all *sync.WaitGroup) error {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	room := make(chan struct{}, im.cfg.MaxDeliveries)
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-minute.C:
			im.sweep(now)
			continue
		case <-im.dirty.bell:
		}
		for aor, ok := im.dirty.take(); ok; aor, ok = im.dirty.take() {
			for _, device := range im.ready(aor) {
				select {
				case room <- struct{}{}:
				case <-ctx.Done():
					return nil
				}
				all.Go(func() {
					im.serveDevice(ctx, aor, device)
					<-room
				})
			}
		}
	}
}

// ready takes the devices of a user that are online and have messages waiting.
func (im *IM) ready(aor rtc.AOR) (list []string) {
	ways, safe := im.cfg.Reach.Ways(aor, reach.Want{Max: maxWays}), im.safe(aor)
	s := im.of(aor)
	s.mu.Lock()
	defer s.mu.Unlock()
	b, now := s.boxes[aor], time.Now()
	if b == nil || len(b.list) == 0 {
		return nil
	}
	for i := range ways {
		device := deviceOf(&ways[i])
		if b.served(device) || b.failed[device] || b.underWay(device) || b.next(device, safe, now) == nil {
			continue
		}
		if b.serving == nil {
			b.serving = make(map[string]bool)
		}
		b.serving[device] = true
		list = append(list, device)
	}
	return list
}

// safe are the devices of a user that are reached without a hop in the clear.
func (im *IM) safe(aor rtc.AOR) (list []string) {
	for _, w := range im.cfg.Reach.Ways(aor, reach.Want{Secure: true, Max: maxWays}) {
		list = append(list, deviceOf(&w))
	}
	return list
}

// underWay reports whether a new message is being sent to a device.
func (b *box) underWay(device string) bool {
	return slices.ContainsFunc(b.flights, func(f *flight) bool { return slices.Contains(f.under, device) })
}

// next is the message that a device gets next, nil when there is none, or when
// one that came before it is not in its place yet. One that may not go in the clear lets
// those behind it pass while the device is not among the safe ones.
func (b *box) next(device string, safe []string, now time.Time) *entry {
	for i := range b.list {
		e := &b.list[i]
		switch {
		case e.held || !e.waits(device) || !e.expires.After(now) || e.secure && !slices.Contains(safe, device):
		case e.pending || b.overtakes(e):
			return nil
		default:
			return e
		}
	}
	return nil
}

// serveDevice gives a device its messages one after the other, until it has all,
// or does not take one.
func (im *IM) serveDevice(ctx context.Context, aor rtc.AOR, device string) {
	served := true
	select {
	case <-time.After(settling):
	case <-ctx.Done():
	}
	for served && ctx.Err() == nil {
		first, ok := im.claim(aor, device)
		if !ok {
			break
		}
		list, err := im.cfg.Store.Messages(ctx, aor, first, page)
		if err != nil {
			im.log.Error("kept messages not read", "aor", string(aor), "err", err)
			served = false
		}
		for i := range list {
			if list[i].ID != first { // not the next one that waits for this device
				continue
			}
			if served = im.serveOne(ctx, &list[i], device); !served {
				break
			}
			if first, ok = im.claim(aor, device); !ok {
				break
			}
		}
		if served && ok && (len(list) == 0 || list[0].ID > first) { // it is in memory, not on disk
			im.log.Error("kept message is missing", "aor", string(aor), "id", first)
			im.delist(aor, first)
		}
	}
	im.rest(aor, device, served)
}

// claim finds the next message for a device, by its ID. One for anyone is for no
// other device from then on.
func (im *IM) claim(aor rtc.AOR, device string) (id int64, ok bool) {
	s, safe := im.of(aor), im.safe(aor)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.box(aor).next(device, safe, time.Now())
	if e == nil {
		return 0, false
	}
	if e.claimed == "" && !slices.Contains(e.waiting, device) { // it is not named: it comes first
		e.claimed = device
	}
	return e.id, true
}

// rest ends the service of a device.
func (im *IM) rest(aor rtc.AOR, device string, served bool) {
	s := im.of(aor)
	s.mu.Lock()
	b := s.box(aor)
	heard := !b.serving[device]
	delete(b.serving, device)
	for i := range b.list {
		if b.list[i].claimed == device {
			b.list[i].claimed = ""
		}
	}
	if !served && !heard {
		b.fail(device)
	}
	more := len(b.list) > 0
	s.tidy(aor, b)
	s.mu.Unlock()
	if more { // another device may take what this one did not; or more came meanwhile
		im.dirty.add(aor)
	}
}

// serveOne sends a kept message to a device and reports whether it may get the
// next one.
func (im *IM) serveOne(ctx context.Context, m *kept.Message, device string) bool {
	if v := im.cfg.Rule(Ask{From: m.From, To: m.To, Proved: true}); v == Refuse || v == Drop { // blocked since it was kept
		im.done(m, device)
		return true
	}
	parsed, err := m.Parsed()
	if err != nil {
		im.log.Error("kept message cannot be read", "aor", string(m.To), "id", m.ID, "err", err)
		im.done(m, device)
		return true
	}
	for _, w := range im.cfg.Reach.Ways(m.To, reach.Want{Secure: m.Secure, Max: maxWays}) {
		if deviceOf(&w) != device {
			continue
		}
		code, ok := im.sendKept(ctx, m, parsed, w)
		if !ok {
			return false
		}
		if code/100 == 2 || code == 482 { // 482: it had it before a restart
			im.done(m, device)
			im.counts.delivered.Add(1)
			im.cfg.Tell(Event{Kind: "delivered", To: m.To, From: m.From, ID: m.ID})
			return true
		}
		if !transient(code) {
			im.log.Info("device refused a kept message", "aor", string(m.To), "id", m.ID, "code", code)
			im.refused(m, device)
			return true
		}
	}
	return false
}

// doneLate notes that a device has a kept message, though it took long to say so: it
// may get the others.
func (im *IM) doneLate(m *kept.Message, device string) {
	s := im.of(m.To)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(m.To)
	im.taken(b, m.ID, device)
	b.live(device)
	s.tidy(m.To, b)
	im.dirty.add(m.To)
}

// done notes that a device has a kept message, or will never take it.
func (im *IM) done(m *kept.Message, device string) {
	s := im.of(m.To)
	s.mu.Lock()
	defer s.mu.Unlock()
	im.taken(s.box(m.To), m.ID, device)
}

// refused notes that a device does not take a kept message, and tells the sender when
// nobody is left who might.
func (im *IM) refused(m *kept.Message, device string) {
	s := im.of(m.To)
	s.mu.Lock()
	b, lost := s.box(m.To), *m
	if e := b.find(m.ID); e != nil {
		lost.Waiting = e.waiting
	}
	im.taken(b, m.ID, device)
	waits := b.find(m.ID) != nil
	s.mu.Unlock()
	if !waits {
		im.tellFailed(&lost)
	}
}

// sendKept sends by one way and waits for the answer, as long as a device may take:
// then what waits for whoever comes first is for others. An answer that comes later
// still counts. Not ok: ctx has ended.
func (im *IM) sendKept(ctx context.Context, m *kept.Message, parsed *sip.Message, w reach.Way) (code int, ok bool) {
	result := make(chan int, 1)
	var turn meeting // of the answer and the end of patience
	lane := im.cfg.Layer.Lane(parsed.CallID())
	lane.Do(func() {
		write := func(dst []byte, t uac.Try) []byte {
			return append(appendWay(appendHead(dst, &w, t), &w, m.Hops), m.Text...)
		}
		peer := ""
		if !w.Flow.IsZero() {
			peer = im.cfg.PeerAt(w.From)
		}
		im.attempt(lane, im.hop(&w, maybeLarge(&w, len(m.Text)) && large(write), peer), &w, write, func(code int, _ *sip.Message) {
			if result <- code; turn.second() && (code/100 == 2 || code == 482) {
				im.doneLate(m, deviceOf(&w))
			}
		})
	})
	patience := time.NewTimer(im.cfg.Patience)
	defer patience.Stop()
	select {
	case code = <-result:
		return code, true
	case <-patience.C:
		if turn.second() {
			return <-result, true
		}
		return 0, true
	case <-ctx.Done():
		return 0, false
	}
}

// sweep forgets what has expired, devices not seen for long, and senders at rest.
func (im *IM) sweep(now time.Time) {
	var expired []place
	defer func() { im.bury(expired) }()
	for i := range im.shard {
		s := &im.shard[i]
		s.mu.Lock()
		s.rested(im.cfg.Rate, im.cfg.Burst, now)
		for aor, b := range s.boxes {
			expired = append(expired, im.expire(aor, b, now)...)
			s.tidy(aor, b)
		}
		s.mu.Unlock()
	}
}

// place is where a kept message is.
type place struct {
	user rtc.AOR
	id   int64
}

// bury forgets messages that have expired, and tells their senders.
func (im *IM) bury(list []place) {
	for _, p := range list {
		m, err := im.Show(context.Background(), p.user, p.id)
		if im.delete(p.user, p.id) != nil {
			continue // delivered in the last moment
		}
		im.counts.expired.Add(1)
		if err == nil {
			im.cfg.Tell(Event{Kind: "expired", To: p.user, From: m.From, ID: p.id})
			im.tellFailed(&m)
		}
	}
}

// expire finds what has expired in one box. Locked.
func (im *IM) expire(aor rtc.AOR, b *box, now time.Time) (list []place) {
	for _, k := range slices.Clone(b.roster) {
		if now.Sub(k.seen) > im.cfg.Keep && len(im.cfg.Reach.Ways(aor, reach.Want{Instance: k.instance, Max: 1})) == 0 {
			im.forgetDevice(b, aor, k.instance)
		}
	}
	for i := range b.list {
		if e := &b.list[i]; !e.pending && !e.expires.After(now) {
			list = append(list, place{aor, e.id})
		}
	}
	return list
}

// drop forgets a kept message whoever waits for it. Locked.
func (im *IM) drop(b *box, id int64) {
	if !b.remove(id) {
		return
	}
	im.kept.Add(-1)
	if err := im.cfg.Store.Settle(id, nil, false, im.settled); err != nil {
		im.settled(err)
	}
}
