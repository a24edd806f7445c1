package im

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/im/kept"
	"tandem/rtc/location"
)

const shards = 64

// shard is a share of all users.
type shard struct {
	mu sync.Mutex
	// Guarded by mu:
	boxes map[rtc.AOR]*box
	rates map[rtc.AOR]bucket // of senders
	free  []*box             // to be used again
}

func (im *IM) of(aor rtc.AOR) *shard {
	return &im.shard[maphash.String(im.seed, string(aor))%shards]
}

// box is what is known of one user: the messages kept for him, those on their
// way to him, and his devices. Its text is in the Store.
type box struct {
	list    []entry // in the order of arrival
	octets  int
	flights []*flight
	serving map[string]bool // devices that get kept messages just now; false: one has answered late
	failed  map[string]bool // devices that did not take one: not before they register again
	roster  []known
}

// entry is a kept message without its text.
type entry struct {
	id               int64
	from             rtc.AOR
	key              string
	octets           int
	arrived, expires time.Time
	waiting          []string // replaced, never changed
	claimed          string   // the device that has taken the place of Anyone
	held             bool
	secure           bool // not to go in the clear
	pending          bool // not on disk yet
}

// known is a device a user was seen with.
type known struct {
	instance     string
	seen, stored time.Time
}

// box of a user, made when there is none. Locked.
func (s *shard) box(aor rtc.AOR) *box {
	b := s.boxes[aor]
	if b == nil {
		if n := len(s.free); n > 0 {
			b, s.free = s.free[n-1], s.free[:n-1]
		} else {
			b = new(box)
		}
		s.boxes[aor] = b
	}
	return b
}

// tidy forgets a box that says nothing. Locked.
func (s *shard) tidy(aor rtc.AOR, b *box) {
	if len(b.list) == 0 && len(b.flights) == 0 && len(b.serving) == 0 && len(b.roster) == 0 {
		delete(s.boxes, aor)
		if len(s.free) < 64 {
			*b = box{flights: b.flights[:0]}
			s.free = append(s.free, b)
		}
	}
}

// waits reports whether the message waits for a device.
func (e *entry) waits(device string) bool {
	return e.claimed == device || slices.Contains(e.waiting, device) || e.claimed == "" && slices.Contains(e.waiting, kept.Anyone)
}

// behind reports whether a new message of a sender to a device has to wait for
// one before it.
func (b *box) behind(f *flight, device string) bool {
	if b.served(device) {
		return true
	}
	if len(b.list) > 0 && b.waitsFor(device, time.Now()) {
		return true
	}
	for _, o := range b.flights {
		if o != f && o.from == f.from && slices.Contains(o.under, device) {
			return true
		}
	}
	return false
}

// waitsFor reports whether a message that has not expired waits for a device.
func (b *box) waitsFor(device string, now time.Time) bool {
	for i := range b.list {
		if e := &b.list[i]; !e.held && e.expires.After(now) && e.waits(device) {
			return true
		}
	}
	return false
}

// away are the devices of the roster that are not among those online.
func (b *box) away(online func(instance string) bool) (list []string) {
	for i := range b.roster {
		if k := b.roster[i].instance; !online(k) {
			list = append(list, k)
		}
	}
	return list
}

// fail notes that a device did not take a message.
func (b *box) fail(device string) {
	if b.failed == nil {
		b.failed = make(map[string]bool)
	}
	b.failed[device] = true
}

// live notes that a device has answered after all.
func (b *box) live(device string) {
	delete(b.failed, device)
	if b.served(device) { // as one that did not, which is about to be noted
		b.serving[device] = false
	}
}

// served reports whether kept messages are being sent to a device.
func (b *box) served(device string) bool {
	_, is := b.serving[device]
	return is
}

// find returns a kept message. Locked.
func (b *box) find(id int64) *entry {
	i, ok := slices.BinarySearchFunc(b.list, id, func(e entry, id int64) int { return int(e.id - id) })
	if !ok {
		return nil
	}
	return &b.list[i]
}

// repeats reports whether a message with that key is kept.
func (b *box) repeats(key string) bool {
	return slices.ContainsFunc(b.list, func(e entry) bool { return e.key == key })
}

// insert puts a kept message in its place.
func (b *box) insert(e entry) {
	i, _ := slices.BinarySearchFunc(b.list, e.id, func(e entry, id int64) int { return int(e.id - id) })
	b.list = slices.Insert(b.list, i, e)
	b.octets += e.octets
}

// overtakes reports whether a message of the same sender that came before a kept
// one is still under way, so that it may have to be delivered first.
func (b *box) overtakes(e *entry) bool {
	return slices.ContainsFunc(b.flights, func(f *flight) bool { return f.from == e.from && f.id < e.id && !f.settled })
}

// remove forgets a kept message.
func (b *box) remove(id int64) bool {
	i, ok := slices.BinarySearchFunc(b.list, id, func(e entry, id int64) int { return int(e.id - id) })
	if ok {
		b.octets -= b.list[i].octets
		b.list = slices.Delete(b.list, i, i+1)
	}
	return ok
}

// settle notes that a device has a kept message, or will never take it. It
// reports whether nobody waits for it any more. Locked, so that the store sees
// the changes of one message in their order.
func (im *IM) settle(b *box, id int64, device string) (done bool) {
	e := b.find(id)
	if e == nil {
		return true
	}
	gone := device
	if e.claimed == device {
		gone = kept.Anyone
	}
	e.waiting = slices.DeleteFunc(slices.Clone(e.waiting), func(w string) bool { return w == device || w == gone })
	if e.claimed == device {
		e.claimed = ""
	}
	waiting, held, pending := e.waiting, e.held, e.pending
	if len(waiting) == 0 {
		b.remove(id)
		im.kept.Add(-1)
	}
	if pending { // written notes it
		return len(waiting) == 0
	}
	if err := im.cfg.Store.Settle(id, waiting, held, im.settled); err != nil {
		im.settled(err)
	}
	return len(waiting) == 0
}

// taken notes that a device has a kept message, or refused it: then it does not wait
// any more for whoever comes first. Locked.
func (im *IM) taken(b *box, id int64, device string) {
	im.settle(b, id, device)
	if e := b.find(id); e != nil && slices.Contains(e.waiting, kept.Anyone) {
		im.settle(b, id, kept.Anyone)
	}
}

// settled hears that a delivery was noted, or not: then it is repeated after
// the next start, and the device recognises it.
func (im *IM) settled(err error) {
	if err != nil {
		im.log.Warn("delivery of a kept message not noted", "err", err)
	}
}

// Watch is a location.Watcher: who registers gets what was kept for him.
func (im *IM) Watch(aor rtc.AOR, old, list []location.Binding, _ location.Cause) {
	if len(list) == 0 || im.cfg.Keep < 0 {
		return
	}
	s := im.of(aor)
	s.mu.Lock()
	b := s.boxes[aor]
	for i := range list {
		if list[i].Instance == "" {
			continue
		}
		if b == nil {
			b = s.box(aor)
		}
		im.learn(b, aor, list[i].Instance)
	}
	waiting := b != nil && len(b.list) > 0
	if b != nil {
		b.forgive(old, list)
	}
	s.mu.Unlock()
	if waiting {
		im.dirty.add(aor)
	}
}

// forgive tries devices that did not take a message again when they have registered
// anew. Others of the user stay as silent as they were.
func (b *box) forgive(old, list []location.Binding) {
	for d := range b.failed {
		there, anew := false, false
		for i := range list {
			if x := &list[i]; device(x.Instance, x.URI) == d {
				there = true
				anew = anew || !slices.ContainsFunc(old, func(o location.Binding) bool {
					return o.URI == x.URI && o.CallID == x.CallID && o.CSeq == x.CSeq && o.Flow == x.Flow && o.Expires.Equal(x.Expires)
				})
			}
		}
		if anew || !there {
			delete(b.failed, d)
		}
	}
}

// learn notes that a user was seen with a device. Locked.
func (im *IM) learn(b *box, aor rtc.AOR, instance string) {
	now := time.Now()
	i := slices.IndexFunc(b.roster, func(k known) bool { return k.instance == instance })
	if i >= 0 {
		b.roster[i].seen = now
		if now.Sub(b.roster[i].stored) < 24*time.Hour {
			return
		}
		b.roster[i].stored = now
	} else {
		if len(b.roster) >= im.cfg.MaxDevices { // the one that was away longest makes room
			oldest := slices.MinFunc(b.roster, func(x, y known) int { return x.seen.Compare(y.seen) })
			im.forgetDevice(b, aor, oldest.instance)
		}
		b.roster = append(b.roster, known{instance, now, now})
	}
	if err := im.cfg.Store.PutDevice(kept.Device{User: aor, Instance: instance, Seen: now}, im.noted); err != nil {
		im.noted(err)
	}
}

// forgetDevice takes a device off the roster, and off the messages that wait for
// it. Locked.
func (im *IM) forgetDevice(b *box, aor rtc.AOR, instance string) {
	b.roster = slices.DeleteFunc(b.roster, func(k known) bool { return k.instance == instance })
	for _, e := range slices.Clone(b.list) {
		if slices.Contains(e.waiting, instance) {
			im.settle(b, e.id, instance)
		}
	}
	if err := im.cfg.Store.DeleteDevice(aor, instance, im.noted); err != nil {
		im.noted(err)
	}
}

func (im *IM) noted(err error) {
	if err != nil {
		im.log.Warn("device of a user not noted", "err", err)
	}
}
