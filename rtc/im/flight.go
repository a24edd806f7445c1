package im

import (
	"slices"
	"sync"
	"sync/atomic"

	"tandem/rtc"
	"tandem/rtc/im/imdn"
	"tandem/rtc/im/kept"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

// maxWays bounds what one message is sent to at once.
const maxWays = 20

// flight is one message on its way to the devices that are there. It belongs to
// its lane; what says otherwise is guarded by the lock of its receiver's shard.
// Flights are used again: nothing may touch one that has ended.
type flight struct {
	passage
	copied sip.Message
	ways   []reach.Way

	beginFunc, impatientFunc func() // begin and impatient, made once
}

// passage is what a flight does not keep for its next message: it is cleared in place.
type passage struct {
	im   *IM
	lane *transaction.Lane

	// The message: of a request, live while its handler runs and copied afterwards,
	// or as text when it is of our own.
	tx     *transaction.Server
	live   *sip.Message
	text   []byte
	parsed *sip.Message // of text
	done   func(*rtc.Status)

	to, from rtc.AOR
	shard    *shard // of to
	box      *box   // of to, while it is entered there: so long nobody tidies it away
	instance string // it is for this device alone (a GRUU)
	key      uint64
	hops     int
	kind     kind
	secure   bool
	asserts  bool // the sender may say who the caller is
	held     bool
	dropped  bool   // it is acknowledged, and that is all
	proved   bool   // who sent it is
	paced    bool   // its sender may not send more than Config.Rate
	wrote    string // by which program, of a message that is not of a request
	by       string // of a copy of what the user wrote himself: the device he did by

	tries    []try
	inline   [2]try
	under    []string // devices it is under way to; guarded by the shard
	underOne [2]string
	later    []string // devices that get it later
	next     int      // tries begun
	open     int
	accepted int         // code of the first device that took it
	refusal  *rtc.Status // the first refusal
	patience transaction.Timer
	waits    bool // patience was started
	answered bool
	ended    bool
	keeping  bool  // it is being written, and ends when that is done
	id       int64 // its place in the order of all
	kept     bool  // it is in the mailbox under its ID
	settled  bool  // it is in the mailbox, or not going there; guarded by the shard
}

var flights = sync.Pool{New: func() any { return new(flight) }}

func (im *IM) flight() *flight {
	f := flights.Get().(*flight)
	f.im, f.hops = im, 70
	if f.impatientFunc == nil {
		f.beginFunc, f.impatientFunc = f.begin, f.impatient
	}
	return f
}

// end gives a flight back. It is the last thing that is done with it.
func (f *flight) end() {
	f.patience.Stop()
	if len(f.copied.Bytes()) > 8192 {
		f.copied = sip.Message{}
	}
	clear(f.ways)
	f.ways, f.passage = f.ways[:0], passage{}
	flights.Put(f)
}

// message is what is sent.
func (f *flight) message() *sip.Message {
	switch {
	case f.live != nil:
		return f.live
	case f.tx == nil:
		return f.parsed
	}
	return &f.copied
}

// outlive keeps what is needed of the request when its handler returns.
func (f *flight) outlive() {
	f.copied.Assign(f.live)
	f.live = nil
}

// begin finds out which devices get the message now and which later, and sends.
// On the lane.
func (f *flight) begin() {
	im := f.im
	f.shard = im.of(f.to)
	if f.dropped {
		f.answer(&rtc.Status{Code: 202})
		f.over()
		return
	}
	if f.held {
		f.id = im.ids.Add(1)
		f.later = []string{kept.Anyone}
		f.keep()
		return
	}
	f.ways = im.cfg.Reach.Append(f.ways[:0], f.to, reach.Want{Secure: f.secure, Instance: f.instance, Max: maxWays})
	f.tries = f.inline[:0]
	for i := range f.ways {
		f.add(&f.ways[i])
	}
	if st := f.enter(); st != nil {
		f.answer(st)
		f.over()
		return
	}
	f.advance()
}

// over ends a flight, at once or when the handler of its request returns.
func (f *flight) over() {
	if f.ended = true; f.live == nil {
		f.end()
	}
}

// add adds a way to the device it leads to.
func (f *flight) add(w *reach.Way) {
	device := deviceOf(w)
	if device == f.by {
		return
	}
	for i := range f.tries {
		if f.tries[i].device == device {
			f.tries[i].spare = append(f.tries[i].spare, *w)
			return
		}
	}
	f.tries = append(f.tries, try{f: f, device: device, way: *w})
}

func (f *flight) online(device string) bool {
	return device == f.by || slices.ContainsFunc(f.tries, func(t try) bool { return t.device == device })
}

// enter notes the flight in the receiver's box. A copy of a message that is
// under way is a loop or came by two paths (RFC 3261 §8.2.2.2).
func (f *flight) enter() *rtc.Status {
	im, s := f.im, f.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(f.to)
	for _, o := range b.flights {
		if o.key == f.key && o.by == f.by {
			return &rtc.Status{Code: 482}
		}
	}
	if len(b.list) > 0 && b.repeats(f.keyText()) {
		return &rtc.Status{Code: 202} // from before a restart: it has been kept
	}
	if f.kind != fleeting && !im.cfg.Best && f.instance == "" && im.cfg.Keep > 0 {
		for i := range b.roster {
			if k := b.roster[i].instance; !f.online(k) {
				f.later = append(f.later, k)
			}
		}
	}
	f.id = im.ids.Add(1)
	f.under = f.underOne[:0]
	list := f.tries[:0]
	for i := range f.tries {
		device := f.tries[i].device
		if f.kind != fleeting && b.behind(f, device) {
			f.later = append(f.later, device)
			continue
		}
		list = append(list, f.tries[i])
		f.under = append(f.under, device)
	}
	f.tries = list
	b.flights, f.box = append(b.flights, f), b
	return nil
}

// keyText is the key of a kept message. A copy for the sender's own devices is
// another message than one he wrote to himself.
func (f *flight) keyText() string {
	if f.by != "" {
		return kept.KeyOf(f.message()) + " copy"
	}
	return kept.KeyOf(f.message())
}

// leave takes the flight out of the box when nothing is open any more.
func (f *flight) leave() {
	s, b := f.shard, f.box
	s.mu.Lock()
	if b == nil { // what is held has not been entered
		b = s.box(f.to)
	}
	b.flights = slices.DeleteFunc(b.flights, func(o *flight) bool { return o == f })
	waiting := len(b.list) > 0
	s.tidy(f.to, b)
	s.mu.Unlock()
	if waiting {
		f.im.dirty.add(f.to)
	}
	f.over()
}

// landed notes that the message is no longer under way to a device.
func (f *flight) landed(device string, has bool) {
	s, b := f.shard, f.box
	s.mu.Lock()
	f.under = slices.DeleteFunc(f.under, func(d string) bool { return d == device })
	waiting := len(b.list) > 0
	if f.kept && has {
		delete(b.failed, device)
		f.im.taken(b, f.id, device)
	}
	s.mu.Unlock()
	if waiting {
		f.im.dirty.add(f.to)
	}
}

// giveUp leaves the message to the mailbox for devices that are silent: they get
// it when they register again, whatever becomes of what is still under way.
func (f *flight) giveUp(devices []string) {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	f.under = nil
	for _, d := range devices {
		f.box.fail(d)
	}
}

// advance sends to the next devices: to all, or to those of the highest q that
// are left, until one has taken the message. It ends the flight when there are
// none and nothing is open.
func (f *flight) advance() {
	for f.open == 0 && f.next < len(f.tries) && (f.accepted == 0 || !f.im.cfg.Best) {
		q := f.tries[f.next].way.Q
		for f.next < len(f.tries) && (!f.im.cfg.Best || f.tries[f.next].way.Q == q) {
			i := f.next
			f.next++
			f.open++
			f.tries[i].state = going
			f.send(i)
		}
	}
	if f.open > 0 {
		if !f.waits && !f.answered {
			f.waits = true
			f.lane.Start(&f.patience, f.im.cfg.Patience, f.impatientFunc)
		}
		return
	}
	f.conclude()
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// impatient answers the sender although devices are silent: what they have not
// taken is kept for them. What they say later still counts.
func (f *flight) impatient() {
	if f.answered {
		return
	}
	f.waits = false
	f.decide()
}

// conclude ends a flight nothing is open of.
func (f *flight) conclude() {
	switch {
	case !f.answered:
		f.decide()
	case !f.keeping:
		f.leave()
	}
}

// decide answers the sender, at once or when what must be kept is on disk.
func (f *flight) decide() {
	f.answered = true // from here on nobody else decides
	var silent []string
	for i := range f.tries {
		if s := f.tries[i].state; s == absent || s == going || s == waiting && f.accepted == 0 {
			silent = append(silent, f.tries[i].device)
		}
	}
	f.later = append(f.later, silent...)
	if len(silent) > 0 {
		f.giveUp(silent)
	}
	switch {
	case f.accepted != 0 && (len(f.later) == 0 || f.im.cfg.Best):
		f.im.tellPassed(f, imdn.Processed)
		f.finish(f.taken())
	case f.accepted == 0 && f.refusal != nil && len(f.later) == 0:
		f.finish(f.refusal)
	case f.by != "" && len(f.later) == 0:
		f.finish(&rtc.Status{Code: 480}) // a copy nobody waits for
	case f.kind == fleeting && f.accepted == 0 && f.im.attached(f.to): // by an event
		f.finish(statusOK)
	case f.kind == fleeting || f.im.cfg.Keep < 0:
		if f.accepted == 0 {
			f.finish(&rtc.Status{Code: 480})
			return
		}
		f.finish(f.taken())
	default:
		if f.accepted == 0 && f.refusal == nil && f.instance == "" && f.by == "" {
			f.later = append(f.later, kept.Anyone)
		}
		if f.accepted == 0 && f.instance != "" && len(f.later) == 0 {
			f.later = append(f.later, f.instance)
		}
		f.keep()
	}
}

// taken is the response to a message that a device has taken.
func (f *flight) taken() *rtc.Status {
	if f.accepted == 200 {
		return statusOK
	}
	return &rtc.Status{Code: f.accepted}
}

var statusOK = &rtc.Status{Code: 200}

// finish answers, and ends the flight when nothing is open.
func (f *flight) finish(st *rtc.Status) {
	f.answer(st)
	f.answered = true
	if st.Code/100 == 2 && f.by == "" && f.kind == text && !f.held {
		f.im.copies(f)
	}
	if f.open == 0 {
		f.leave()
	}
}

// answer tells the sender what became of the message.
func (f *flight) answer(st *rtc.Status) {
	switch {
	case f.tx != nil:
		m := f.message()
		buf := buffers.Get().(*[]byte)
		var tag [16]byte
		*buf = sip.AppendResponse((*buf)[:0], m, sip.Response{Code: st.Code, Reason: st.Reason, Header: st.Header,
			ToTag: string(rtc.AppendToTag(tag[:0], m))})
		f.tx.Respond(st.Code, *buf)
		buffers.Put(buf)
	case f.done != nil:
		f.done(st)
	}
}

// meeting is where two meet of whom only the second goes on.
type meeting struct{ state atomic.Uint32 }

func (m *meeting) second() bool { return m.state.Add(1) == 2 }
