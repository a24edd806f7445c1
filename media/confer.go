package media

import (
	"tandem/media/mix"
	"tandem/media/transcode"
)

// Seat is a side's place in a conference.
type Seat struct {
	*mix.Party
	session  *Session
	side     Which
	listener *Listener
}

// Confer seats a side in a room: it hears all others there, and they hear it. The room
// replaces the other side of the session, which may be empty. What is played to the
// side later (Play, Announce) replaces the room; Hear brings it back.
func (s *Session) Confer(w Which, room *mix.Room) (*Seat, error) {
	party, err := room.Join()
	if err != nil {
		return nil, err
	}
	seat := &Seat{Party: party, session: s, side: w}
	if err := seat.Hear(); err != nil {
		party.Leave()
		return nil, err
	}
	if seat.listener, err = s.Listen(w, room.Rate(), party.Say); err != nil {
		s.Stop(w)
		party.Leave()
		return nil, err
	}
	return seat, nil
}

// Hear lets the side hear the room again after something else was played to it.
func (t *Seat) Hear() error {
	return t.session.Play(t.side, func(rate int) transcode.Source { return t.Source(rate) })
}

// Leave takes the side out of the room; the other side of the session is heard again.
func (t *Seat) Leave() {
	t.listener.Stop()
	t.session.Stop(t.side)
	t.Party.Leave()
}
