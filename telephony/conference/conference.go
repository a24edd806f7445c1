// Package conference holds the rooms in which three and more parties speak with each
// other, and who is in them.
//
// It owns the rooms and their clocks. The sound is mixed by media/mix; who may come
// in, and the calls by which they come, are telephony's.
package conference

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"tandem/media"
	"tandem/media/mix"
)

// rate of a room is enough for wideband speech.
const rate = 16000

// errFull says that there are too many rooms.
var errFull = errors.New("there are too many conferences")

// Rooms are all conferences. A room is there while somebody is in it.
type Rooms struct {
	most, seats int
	run         sync.WaitGroup

	mu    sync.Mutex
	rooms map[string]*room
}

type room struct {
	*mix.Room
	stop  context.CancelFunc
	seats int
}

// New makes a place for so many rooms, of so many seats each.
func New(most, seats int) *Rooms {
	return &Rooms{most: most, seats: seats, rooms: make(map[string]*room)}
}

// Seat is the place of one party in a room.
type Seat struct {
	*media.Seat
	rooms *Rooms
	name  string
	once  sync.Once
	muted atomic.Bool
}

// Enter seats a side of a session in the room of a name, which is opened when nobody
// is in it.
func (r *Rooms) Enter(name string, s *media.Session, w media.Which) (*Seat, error) {
	in, err := r.open(name)
	if err != nil {
		return nil, err
	}
	seat, err := s.Confer(w, in.Room)
	if err != nil {
		r.leave(name)
		return nil, err
	}
	return &Seat{Seat: seat, rooms: r, name: name}, nil
}

// Leave ends the party's part; the last one to leave closes the room. A second call
// does nothing.
func (s *Seat) Leave() {
	s.once.Do(func() {
		s.Seat.Leave()
		s.rooms.leave(s.name)
	})
}

// Mute leaves what the party says out of the room, or has it heard again.
func (s *Seat) Mute(on bool) {
	s.muted.Store(on)
	s.Seat.Mute(on)
}

// Muted reports whether the party is not heard.
func (s *Seat) Muted() bool { return s.muted.Load() }

// Room is the name of the room.
func (s *Seat) Room() string { return s.name }

// Wait waits until the last room is closed.
func (r *Rooms) Wait() { r.run.Wait() }

func (r *Rooms) open(name string) (*room, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.rooms[name]
	if in == nil {
		if len(r.rooms) >= r.most {
			return nil, fmt.Errorf("%w: at most %d", errFull, r.most)
		}
		ctx, stop := context.WithCancel(context.Background())
		in = &room{Room: mix.NewRoom(rate, r.seats), stop: stop}
		r.rooms[name] = in
		r.run.Go(func() { in.Run(ctx) })
	}
	in.seats++
	return in, nil
}

func (r *Rooms) leave(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if in := r.rooms[name]; in != nil {
		if in.seats--; in.seats == 0 {
			in.stop()
			delete(r.rooms, name)
		}
	}
}
