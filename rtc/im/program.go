package im

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tandem/rtc"
)

// program marks the devices that are programs, which fetch their messages instead
// of registering. No instance of a SIP device begins so.
const program = "program:"

func programName(device string) string { return program + device }

// Attach has messages to a user wait for a program as for a device: also those
// that other devices have taken. It is forgotten as a device is that was not seen
// for as long as messages are kept.
func (im *IM) Attach(user rtc.AOR, device string) {
	s := im.of(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	im.learn(s.box(user), user, programName(device))
}

// Detach forgets a program. No message waits for it any more.
func (im *IM) Detach(user rtc.AOR, device string) {
	s := im.of(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(user)
	im.forgetDevice(b, user, programName(device))
	s.tidy(user, b)
}

// attached reports whether a user has a program, which hears of what is not kept.
func (im *IM) attached(user rtc.AOR) bool {
	s := im.of(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boxes[user]
	return b != nil && slices.ContainsFunc(b.roster, func(k known) bool { return strings.HasPrefix(k.instance, program) })
}

// QueueFor is what waits for a program, in the order of arrival: what it may not
// have yet, since its sender's consent is missing, is left out. The program counts
// as seen.
func (im *IM) QueueFor(user rtc.AOR, device string) (list []Kept) {
	s := im.of(user)
	s.mu.Lock()
	defer s.mu.Unlock()
	b, now := s.boxes[user], time.Now()
	if b == nil {
		return nil
	}
	name := programName(device)
	for i := range b.roster {
		if b.roster[i].instance == name {
			im.learn(b, user, name)
			break
		}
	}
	for i := range b.list {
		if e := &b.list[i]; !e.held && !e.pending && e.expires.After(now) && e.waits(name) {
			list = append(list, e.kept())
		}
	}
	return list
}

// Take notes that a program has a message.
func (im *IM) Take(user rtc.AOR, id int64, device string) error {
	s := im.of(user)
	s.mu.Lock()
	b := s.box(user)
	e, name := b.find(id), programName(device)
	if e == nil || e.held || !e.waits(name) {
		s.tidy(user, b)
		s.mu.Unlock()
		return fmt.Errorf("%w: %d of %s does not wait for %s: see the queue of the user", ErrUnknown, id, user, device)
	}
	from := e.from
	im.taken(b, id, name)
	s.tidy(user, b)
	s.mu.Unlock()
	im.counts.delivered.Add(1)
	im.cfg.Tell(Event{Kind: "delivered", To: user, From: from, ID: id})
	return nil
}
