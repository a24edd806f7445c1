package relay

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxEvents = 128
	maxBuffer = 65535 // no datagram is longer
	// A socket that was ready the turn before too gets this many reads; others
	// get one. So a flood on one port takes no more than its turn, and a port
	// with one packet costs no second read to find it empty.
	burst     = 16
	rounds    = 16 // turns in a row while there is more
	chunkSize = 1024
	maxChunks = 64
	wakeSlot  = -1
)

// worker is one epoll loop.
type worker struct {
	epoll, wake int
	pacer       *pacer
	thread      atomic.Int64           // the one it serves on now, 0 while it waits
	current     atomic.Pointer[Socket] // being served now
	count       atomic.Int64           // sockets
	turn        uint64                 // looks at the sockets that found some, so far
	more        bool                   // in this turn: another look may find something
	packets     int                    // in this call of turnOver
	buffer      []byte
	from        sockaddr
	events      [maxEvents]unix.EpollEvent

	// Slots name sockets to epoll. A chunk once made stays.
	chunks [maxChunks]atomic.Pointer[chunk]
	mu     sync.Mutex
	free   []int32
	made   int32
}

type chunk [chunkSize]atomic.Pointer[Socket]

func newWorker() (*worker, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("creating an epoll set: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("creating an eventfd: %w", err)
	}
	pacer, err := newPacer(epoll)
	if err != nil {
		unix.Close(epoll)
		unix.Close(wake)
		return nil, err
	}
	w := &worker{epoll: epoll, wake: wake, pacer: pacer, buffer: make([]byte, maxBuffer+spare)}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeSlot}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &event); err != nil {
		w.release()
		return nil, fmt.Errorf("watching an eventfd: %w", err)
	}
	return w, nil
}

func (w *worker) release() {
	w.pacer.close()
	unix.Close(w.epoll)
	unix.Close(w.wake)
}

// nudge wakes the loop so that it sees its context ended.
func (w *worker) nudge() {
	one := [8]byte{1}
	_, _ = unix.Write(w.wake, one[:])
}

// add gives a socket a slot and starts watching it.
func (w *worker) add(s *Socket) error {
	w.mu.Lock()
	if n := len(w.free); n > 0 {
		s.slot, w.free = w.free[n-1], w.free[:n-1]
	} else if w.made < chunkSize*maxChunks {
		s.slot = w.made
		w.made++
	} else {
		w.mu.Unlock()
		return errors.New("one worker serves as many sockets as it can")
	}
	at := &w.chunks[s.slot/chunkSize]
	if at.Load() == nil {
		at.Store(new(chunk))
	}
	at.Load()[s.slot%chunkSize].Store(s)
	w.mu.Unlock()
	w.count.Add(1)
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: s.slot}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, s.fd, &event); err != nil {
		w.remove(s)
		return fmt.Errorf("watching a socket: %w", err)
	}
	return nil
}

// remove takes its slot back; closing the descriptor ends the watching.
func (w *worker) remove(s *Socket) {
	w.mu.Lock()
	w.chunks[s.slot/chunkSize].Load()[s.slot%chunkSize].Store(nil)
	w.free = append(w.free, s.slot)
	w.mu.Unlock()
	w.count.Add(-1)
}

// run serves until ctx ends.
func (w *worker) run(ctx context.Context) error {
	return w.pacer.run(ctx, w.turnOver)
}

// turnOver serves the sockets that are ready and says how many packets there
// were, at least as many as sockets. It does so on one thread, by which Close can
// tell that it was called from Receive.
func (w *worker) turnOver() (found int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w.thread.Store(int64(unix.Gettid()))
	defer w.thread.Store(0)
	w.packets = 0
	for range rounds {
		n, err := poll(w.epoll, w.events[:])
		if n == 0 || err != nil {
			return max(found, w.packets), err
		}
		now := time.Now()
		found += n
		w.turn++
		w.more = n == len(w.events)
		for i := range w.events[:n] {
			w.ready(w.events[i].Fd, now)
		}
		if !w.more {
			break
		}
	}
	return max(found, w.packets), nil
}

func (w *worker) ready(slot int32, now time.Time) {
	if slot == wakeSlot {
		var n [8]byte
		_, _ = unix.Read(w.wake, n[:])
		return
	}
	s := w.chunks[slot/chunkSize].Load()[slot%chunkSize].Load()
	if s == nil {
		return // closed since
	}
	// Close sets closed and then looks at current; here it is the other way
	// round, so one of the two always sees the other.
	w.current.Store(s)
	if !s.closed.Load() {
		w.serve(s, now)
	}
	w.current.Store(nil)
	if s.closed.Load() {
		s.release()
	}
}

func (w *worker) serve(s *Socket, now time.Time) {
	reads := 1
	if s.turn+1 == w.turn {
		reads = burst
	}
	s.turn = w.turn
	for range reads {
		n, e := receiveFrom(s.fd, w.buffer[:maxBuffer], &w.from)
		switch e {
		case 0:
		case unix.EAGAIN:
			return
		case unix.EINTR:
			continue
		default:
			// The ICMP answer to something sent earlier; it is used up by being
			// read.
			s.refused.Add(1)
			continue
		}
		w.packets++
		// Written here alone, so no locked addition is needed.
		s.packetsIn.Store(s.packetsIn.Load() + 1)
		s.octetsIn.Store(s.octetsIn.Load() + uint64(n))
		if !s.series.forward(w.buffer[:n], &w.from, now) {
			s.receiver.Receive(s, w.buffer[:n], w.from.addrPort(), now)
		}
		if s.closed.Load() {
			return
		}
	}
	w.more = w.more || reads == burst
}
