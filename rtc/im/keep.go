package im

import (
	"errors"
	"slices"
	"time"

	"tandem/rtc"
	"tandem/rtc/im/imdn"
	"tandem/rtc/im/kept"
)

var (
	errFull    = errors.New("mailbox full")
	errExpired = errors.New("message has expired")
)

// keep puts the message on disk for those in f.later, and answers then.
func (f *flight) keep() {
	im := f.im
	f.keeping = true
	m := im.asKept(f)
	var turn meeting
	var failure error
	err := im.put(&m, func(err error) {
		failure = err
		if turn.second() {
			f.lane.Do(func() { f.stored(failure) })
		}
	})
	f.kept = err == nil
	f.settle()
	if err != nil {
		f.stored(err)
		return
	}
	if turn.second() {
		f.stored(failure)
	}
}

// settle lets messages of the same sender that came later be delivered: this one
// stands in the mailbox before them.
func (f *flight) settle() {
	f.shard.mu.Lock()
	defer f.shard.mu.Unlock()
	f.settled = true
}

// asKept is the message of a flight as it is kept.
func (im *IM) asKept(f *flight) kept.Message {
	now := time.Now().Truncate(time.Millisecond)
	m := kept.Message{ID: f.id, To: f.to, From: f.from, Key: f.keyText(), Arrived: now, Expires: now.Add(im.cfg.Keep), Hops: f.hops, Waiting: f.later, Held: f.held, Secure: f.secure}
	msg := f.message()
	if n, ok := msg.Expires(); ok { // RFC 3428 §9
		if limit := now.Add(time.Duration(n) * time.Second); limit.Before(m.Expires) {
			m.Expires = limit
		}
	}
	if f.tx != nil {
		m.Text = kept.AppendText(make([]byte, 0, len(msg.Bytes())), msg, f.asserts, now)
	} else {
		m.Text = f.text
	}
	return m
}

// put enters a message into its mailbox and has it written.
func (im *IM) put(m *kept.Message, done func(error)) error {
	again, err := im.enlist(m)
	if err != nil {
		return err
	}
	if again { // it is there, from before a restart
		done(nil)
		return nil
	}
	err = im.cfg.Store.Put(*m, func(err error) {
		im.written(m, err)
		done(err)
	})
	if err != nil {
		im.delist(m.To, m.ID)
	}
	return err
}

// enlist enters a message into the list; again: it stands there already.
func (im *IM) enlist(m *kept.Message) (again bool, err error) {
	s := im.of(m.To)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(m.To)
	switch {
	case !m.Expires.After(m.Arrived):
		err = errExpired
	case b.repeats(m.Key):
		return true, nil
	case im.full(b, m):
		err = errFull
	}
	if err != nil {
		s.tidy(m.To, b)
		return false, err
	}
	b.insert(entry{id: m.ID, from: m.From, key: m.Key, octets: m.Octets(), arrived: m.Arrived, expires: m.Expires, waiting: m.Waiting, held: m.Held, secure: m.Secure, pending: true})
	im.kept.Add(1)
	return false, nil
}

func (im *IM) delist(to rtc.AOR, id int64) {
	s := im.of(to)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(to)
	if b.remove(id) {
		im.kept.Add(-1)
	}
	s.tidy(to, b)
}

// full reports whether a message finds no room. What strangers send must leave
// room for others.
func (im *IM) full(b *box, m *kept.Message) bool {
	if m.Held {
		held := 0
		for i := range b.list {
			if b.list[i].held {
				held++
			}
		}
		if held >= im.cfg.MaxHeld {
			return true
		}
	}
	return len(b.list) >= im.cfg.MaxMessages || b.octets+m.Octets() > im.cfg.MaxOctets || im.kept.Load() >= int64(im.cfg.MaxAll)
}

// written hears from the store about a message.
func (im *IM) written(m *kept.Message, err error) {
	if err != nil {
		im.delist(m.To, m.ID)
		return
	}
	s := im.of(m.To)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.box(m.To).find(m.ID)
	var now []string // whom it waits for, should that have changed meanwhile
	if e != nil {
		e.pending, now = false, e.waiting
	}
	if !slices.Equal(now, m.Waiting) {
		if err := im.cfg.Store.Settle(m.ID, now, m.Held, im.settled); err != nil {
			im.settled(err)
		}
	}
}

// stored answers the sender of a message that is on disk, or is not. On the lane.
func (f *flight) stored(err error) {
	im := f.im
	f.keeping = false
	switch {
	case err == nil && f.held:
		im.counts.held.Add(1)
		im.cfg.Tell(Event{Kind: "held", To: f.to, From: f.from, ID: f.id})
		f.finish(&rtc.Status{Code: 202})
	case err == nil:
		im.counts.kept.Add(1)
		im.cfg.Tell(Event{Kind: "kept", To: f.to, From: f.from, ID: f.id})
		st := &rtc.Status{Code: 202} // RFC 3428 §7
		if f.accepted != 0 {
			st = f.taken()
		}
		if f.accepted == 0 {
			im.tellPassed(f, imdn.Stored)
		} else {
			im.tellPassed(f, imdn.Processed)
		}
		to := f.to
		f.finish(st)
		im.dirty.add(to)
	case f.accepted != 0:
		im.log.Warn("message not kept for the other devices", "aor", string(f.to), "err", err)
		f.finish(f.taken())
	case f.held:
		f.finish(notFound())
	case errors.Is(err, errFull), errors.Is(err, errExpired):
		im.counts.refused.Add(1)
		f.finish(&rtc.Status{Code: 480, Err: err})
	default:
		f.finish(&rtc.Status{Code: 503, Header: []byte("Retry-After: 5\r\n"), Err: err})
	}
}
