package im

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tandem/rtc"
	"tandem/rtc/im/kept"
)

// ErrUnknown is a message that is not kept, or not any more.
var ErrUnknown = errors.New("no such message")

// Kept is a message that waits, without its text.
type Kept struct {
	ID               int64
	From             rtc.AOR
	Arrived, Expires time.Time
	Octets           int
	Waiting          []string // devices; kept.Anyone is whoever registers first
	Held             bool     // for the receiver's consent
}

// Queue is what waits for a user, in the order of delivery.
func (im *IM) Queue(user rtc.AOR) (list []Kept) {
	s := im.of(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.boxes[user]; b != nil {
		for i := range b.list {
			list = append(list, b.list[i].kept())
		}
	}
	return list
}

func (e *entry) kept() Kept {
	return Kept{e.id, e.from, e.arrived, e.expires, e.octets, e.waiting, e.held}
}

// Show returns a kept message as it will be sent, from its From line on.
func (im *IM) Show(ctx context.Context, user rtc.AOR, id int64) (kept.Message, error) {
	list, err := im.cfg.Store.Messages(ctx, user, id, 1)
	if err != nil {
		return kept.Message{}, err
	}
	if len(list) == 0 || list[0].ID != id {
		return kept.Message{}, fmt.Errorf("%w: %d of %s: see the queue of the user", ErrUnknown, id, user)
	}
	return list[0], nil
}

// Delete forgets a kept message, and tells its sender when nobody has had it.
func (im *IM) Delete(ctx context.Context, user rtc.AOR, id int64) error {
	m, unread := im.Show(ctx, user, id)
	if err := im.delete(user, id); err != nil {
		return err
	}
	if unread == nil {
		im.tellFailed(&m)
	}
	return nil
}

func (im *IM) delete(user rtc.AOR, id int64) error {
	s := im.of(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(user)
	defer s.tidy(user, b)
	if b.find(id) == nil {
		return fmt.Errorf("%w: %d of %s: see the queue of the user", ErrUnknown, id, user)
	}
	im.drop(b, id)
	return nil
}

// Decide ends the wait of messages that are held for a user's consent about a
// sender: they are delivered, or forgotten. It returns how many there were.
func (im *IM) Decide(user, sender rtc.AOR, deliver bool) (n int) {
	s := im.of(user)
	s.mu.Lock()
	b := s.box(user)
	for _, e := range slices.Clone(b.list) {
		if !e.held || e.from != sender {
			continue
		}
		n++
		if !deliver {
			im.drop(b, e.id)
			continue
		}
		held := b.find(e.id)
		held.held = false
		held.waiting = append(b.away(func(string) bool { return false }), kept.Anyone)
		if err := im.cfg.Store.Settle(e.id, held.waiting, false, im.settled); err != nil {
			im.settled(err)
		}
	}
	s.tidy(user, b)
	s.mu.Unlock()
	if n > 0 && deliver {
		im.dirty.add(user)
	}
	return n
}

// Stranger is somebody whose messages are held for a user's consent.
type Stranger struct {
	AOR      rtc.AOR
	Messages int
	Since    time.Time
}

// Strangers are those whose messages are held for a user's consent, by address.
func (im *IM) Strangers(user rtc.AOR) (list []Stranger) {
	for _, k := range im.Queue(user) {
		if !k.Held {
			continue
		}
		i, ok := slices.BinarySearchFunc(list, k.From, func(s Stranger, a rtc.AOR) int { return cmp.Compare(s.AOR, a) })
		if !ok {
			list = slices.Insert(list, i, Stranger{AOR: k.From, Since: k.Arrived})
		}
		list[i].Messages++
	}
	return list
}

// Forget drops everything about a user who is no more, and tells those who wrote to
// him. It returns when that is on disk: nobody of the same name is to find it.
func (im *IM) Forget(ctx context.Context, user rtc.AOR) error {
	for _, k := range im.Queue(user) {
		if m, err := im.Show(ctx, user, k.ID); err == nil {
			im.tellFailed(&m)
		}
	}
	im.clear(user)
	return im.cfg.Store.Forget(ctx, user)
}

// clear forgets messages and devices of a user in memory alone.
func (im *IM) clear(user rtc.AOR) {
	s := im.of(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boxes[user]
	if b == nil {
		return
	}
	im.kept.Add(-int64(len(b.list)))
	b.list, b.octets, b.roster = nil, 0, nil
	s.tidy(user, b)
}
