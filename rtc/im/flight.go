package im

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// maxWays bounds what one message is sent to at once.
const maxWays = 20

// flight is one message on its way to the devices that are there. It belongs to
// its lane; what says otherwise is guarded by the lock of its receiver's shard.
type flight struct {
	im   *IM
	lane *transaction.Lane

	// The message: as a request, held, or as text when nobody waits for a response.
	r      *rtc.Request
	text   []byte
	parsed *sip.Message // of text
	done   func(*rtc.Status)

	to, from rtc.AOR
	instance string // it is for this device alone (a GRUU)
	key      uint64
	hops     int
	kind     kind
	secure   bool
	asserts  bool // the sender may say who the caller is
	held     bool
	proved   bool   // who sent it is
	source   string // of a copy of what the user wrote himself: the device he did by

	tries    []try
	inline   [2]try
	under    []string // devices it is under way to; guarded by the shard
	underOne [2]string
	later    []string // devices that get it later
	next     int      // tries begun
	open     int
	accepted int         // code of the first device that took it
	refusal  *rtc.Status // the first refusal
	missed   bool        // a device did not answer
	patience *transaction.Timer
	answered bool
	id       int64 // its place in the order of all
	kept     bool  // it is in the mailbox under its ID
	settled  bool  // it is in the mailbox, or not going there; guarded by the shard
}

// try is one device.
type try struct {
	device string
	ways   []reach.Way // the ones behind the first are tried when it fails
	state  tryState
}

type tryState uint8

const (
	waiting tryState = iota
	going
	took
	refused
	absent
)

// message is what is sent.
func (f *flight) message() *sip.Message {
	if f.r != nil {
		return f.r.Message
	}
	return f.parsed
}

// begin finds out which devices get the message now and which later, and sends.
// On the lane.
func (f *flight) begin() {
	im := f.im
	if f.held {
		f.id = im.ids.Add(1)
		f.later = []string{Anyone}
		f.keep()
		return
	}
	ways := im.cfg.Reach.Ways(f.to, reach.Want{Secure: f.secure, Instance: f.instance, Max: maxWays})
	f.tries = f.inline[:0]
	for i := range ways {
		f.add(&ways[i])
	}
	if st := f.enter(); st != nil {
		f.answer(st)
		return
	}
	f.advance()
}

// add adds a way to the device it leads to.
func (f *flight) add(w *reach.Way) {
	device := deviceOf(w)
	if device == f.source {
		return
	}
	for i := range f.tries {
		if f.tries[i].device == device {
			f.tries[i].ways = append(f.tries[i].ways, *w)
			return
		}
	}
	f.tries = append(f.tries, try{device: device, ways: []reach.Way{*w}})
}

func (f *flight) online(device string) bool {
	return device == f.source || slices.ContainsFunc(f.tries, func(t try) bool { return t.device == device })
}

// enter notes the flight in the receiver's box. A copy of a message that is
// under way is a loop or came by two paths (RFC 3261 §8.2.2.2).
func (f *flight) enter() *rtc.Status {
	im := f.im
	s := im.of(f.to)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(f.to)
	for _, o := range b.flights {
		if o.key == f.key && o.source == f.source {
			return &rtc.Status{Code: 482}
		}
	}
	if len(b.list) > 0 && b.repeats(f.keyText()) {
		return &rtc.Status{Code: 202} // from before a restart: it has been kept
	}
	if f.kind != fleeting && !im.cfg.Best && f.instance == "" && im.cfg.Keep > 0 {
		f.later = b.away(f.online)
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
	b.flights = append(b.flights, f)
	return nil
}

// keyText is the key of a kept message. A copy for the sender's own devices is
// another message than one he wrote to himself.
func (f *flight) keyText() string {
	if f.source != "" {
		return keyOf(f.message()) + " copy"
	}
	return keyOf(f.message())
}

// leave takes the flight out of the box when nothing is open any more.
func (f *flight) leave() {
	s := f.im.of(f.to)
	s.mu.Lock()
	b := s.box(f.to)
	b.flights = slices.DeleteFunc(b.flights, func(o *flight) bool { return o == f })
	waiting := len(b.list) > 0
	s.tidy(f.to, b)
	s.mu.Unlock()
	if waiting {
		f.im.dirty.add(f.to)
	}
}

// landed notes that the message is no longer under way to a device.
func (f *flight) landed(device string, has bool) {
	s := f.im.of(f.to)
	s.mu.Lock()
	f.under = slices.DeleteFunc(f.under, func(d string) bool { return d == device })
	b := s.box(f.to)
	waiting := len(b.list) > 0
	if f.kept && has {
		delete(b.failed, device)
		f.im.settle(b, f.id, device)
		if e := b.find(f.id); e != nil && slices.Contains(e.waiting, Anyone) {
			f.im.settle(b, f.id, Anyone)
		}
	}
	s.mu.Unlock()
	if waiting {
		f.im.dirty.add(f.to)
	}
}

// giveUp leaves the message to the mailbox for devices that are silent: they get
// it when they register again, whatever becomes of what is still under way.
func (f *flight) giveUp(devices []string) {
	s := f.im.of(f.to)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(f.to)
	f.under = nil
	for _, d := range devices {
		b.fail(d)
	}
}

// advance sends to the next devices: to all, or to those of the highest q that
// are left, until one has taken the message. It ends the flight when there are
// none and nothing is open.
func (f *flight) advance() {
	for f.open == 0 && f.next < len(f.tries) && (f.accepted == 0 || !f.im.cfg.Best) {
		q := f.tries[f.next].ways[0].Q
		for f.next < len(f.tries) && (!f.im.cfg.Best || f.tries[f.next].ways[0].Q == q) {
			i := f.next
			f.next++
			f.open++
			f.tries[i].state = going
			f.send(i)
		}
	}
	if f.open > 0 {
		if f.patience == nil && !f.answered {
			f.patience = f.lane.After(f.im.cfg.Patience, f.impatient)
		}
		return
	}
	f.conclude()
}

// send sends by the first way that is left to a device.
func (f *flight) send(i int) {
	t := &f.tries[i]
	w := t.ways[0]
	t.ways = t.ways[1:]
	m := f.message()
	f.im.attempt(f.lane, w, m, f.write(w), func(code int, answer *sip.Message) { f.heard(i, code, answer) })
}

// write is the message as it goes by a way.
func (f *flight) write(w reach.Way) uac.Writer {
	return func(dst []byte, t uac.Try) []byte {
		dst = appendHead(dst, &w, t, f.hops)
		if f.r == nil {
			return append(dst, f.text...)
		}
		return appendText(dst, f.r.Message, f.asserts, time.Time{})
	}
}

// attempt sends a message by a way. done is told the code of the final response,
// 0 when there is none.
func (im *IM) attempt(lane *transaction.Lane, w reach.Way, m *sip.Message, write uac.Writer, done func(code int, m *sip.Message)) {
	peer := ""
	if !w.Flow.IsZero() {
		peer = im.cfg.PeerAt(w.From)
	}
	im.client.Start(uac.Request{
		Lane: lane, Method: "MESSAGE", URI: []byte(w.URI), Hop: hop(&w, len(m.Bytes()), peer), Write: write,
		Heard: func(_ *uac.Sending, _ transport.Flow, m *sip.Message) {
			if m.StatusCode() >= 200 {
				done(m.StatusCode(), m)
			}
		},
		Lost: func(_ *uac.Sending, err error) {
			var st *rtc.Status
			if errors.As(err, &st) && st.Code == 403 { // it may not go there
				im.log.Warn("message not sent to a device", "err", err)
			}
			done(0, nil)
		},
	})
}

// transient reports whether a device that answers so may take the message later.
func transient(code int) bool {
	switch code {
	case 0, 401, 404, 407, 408, 410, 430, 480, 481, 483, 500, 502, 503, 504:
		return true
	}
	return false
}

// heard is a device's answer.
func (f *flight) heard(i, code int, m *sip.Message) {
	t := &f.tries[i]
	switch {
	case code/100 == 2:
		t.state = took
		if f.accepted == 0 {
			f.accepted = code
		}
		f.im.counts.delivered.Add(1)
	case transient(code) && len(t.ways) > 0: // another way to the device (RFC 5626 §7)
		f.send(i)
		return
	case transient(code):
		t.state = absent
	default:
		t.state = refused
		if f.refusal == nil {
			f.refusal = refusalOf(m)
		}
	}
	f.open--
	f.landed(t.device, t.state != absent)
	f.advance()
}

// refusalOf is what the sender is told of a device's refusal.
func refusalOf(m *sip.Message) *rtc.Status {
	st := &rtc.Status{Code: m.StatusCode(), Reason: string(m.ReasonPhrase())}
	b := sip.Builder{}
	for _, id := range [...]sip.HeaderID{sip.HdrAccept, sip.HdrAcceptEncoding, sip.HdrAcceptLanguage, sip.HdrUnsupported, sip.HdrRetryAfter, sip.HdrWarning} {
		if v := m.Get(id); v != nil {
			b.Header(id, v)
		}
	}
	st.Header = b.Buf
	return st
}

// impatient answers the sender although devices are silent: what they have not
// taken is kept for them. What they say later still counts.
func (f *flight) impatient() {
	if f.answered {
		return
	}
	f.patience = nil
	f.decide()
}

// conclude ends a flight nothing is open of.
func (f *flight) conclude() {
	f.patience.Stop()
	if !f.answered {
		f.decide()
		return
	}
	f.leave()
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
		f.finish(f.taken())
	case f.accepted == 0 && f.refusal != nil && len(f.later) == 0:
		f.finish(f.refusal)
	case f.source != "" && len(f.later) == 0:
		f.finish(&rtc.Status{Code: 480}) // a copy nobody waits for
	case f.kind == fleeting || f.im.cfg.Keep < 0:
		if f.accepted == 0 {
			f.finish(&rtc.Status{Code: 480})
			return
		}
		f.finish(f.taken())
	default:
		if f.accepted == 0 && f.refusal == nil && f.instance == "" && f.source == "" {
			f.later = append(f.later, Anyone)
		}
		if f.accepted == 0 && f.instance != "" && len(f.later) == 0 {
			f.later = append(f.later, f.instance)
		}
		f.keep()
	}
}

// taken is the response to a message that a device has taken.
func (f *flight) taken() *rtc.Status { return &rtc.Status{Code: f.accepted} }

// finish answers, and ends the flight when nothing is open.
func (f *flight) finish(st *rtc.Status) {
	f.answer(st)
	f.answered = true
	if st.Code/100 == 2 && f.source == "" && f.kind == text && !f.held {
		f.im.copies(f)
	}
	if f.open == 0 {
		f.patience.Stop()
		f.leave()
	}
}

// answer tells the sender what became of the message.
func (f *flight) answer(st *rtc.Status) {
	switch {
	case f.r != nil:
		f.r.Respond(st.Code, st.Reason, st.Header)
	case f.done != nil:
		f.done(st)
	}
}

// meeting is where two meet of whom only the second goes on.
type meeting struct{ state atomic.Uint32 }

func (m *meeting) second() bool { return m.state.Add(1) == 2 }
