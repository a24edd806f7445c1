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
	buffer      []byte
	from        sockaddr
	events      [maxEvents]unix.EpollEvent
	arrived     *arrivals // of a Network, in place of epoll

	// Slots name sockets to epoll. A chunk once made stays.
	chunks [maxChunks]atomic.Pointer[chunk]
	mu     sync.Mutex
	free   []int32
	made   int32
}

type chunk [chunkSize]atomic.Pointer[Socket]

func newWorker(n Network) (*worker, error) {
	if n != nil {
		return &worker{arrived: &arrivals{wake: make(chan struct{}, 1)}, buffer: make([]byte, maxBuffer+spare)}, nil
	}
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
	if w.arrived != nil {
		return
	}
	w.pacer.close()
	unix.Close(w.epoll)
	unix.Close(w.wake)
}

// nudge wakes the loop so that it sees its context ended.
func (w *worker) nudge() {
	if w.arrived != nil {
		return // it waits for its context
	}
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
	if s.port != nil {
		return nil
	}
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
	if w.arrived != nil {
		return w.runNetwork(ctx)
	}
	return w.pacer.run(ctx, w.look)
}

// look serves the sockets that are ready and says how many there were. It does
// so on one thread, by which Close can tell that it was called from Receive.
func (w *worker) look() (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	n, err := poll(w.epoll, w.events[:])
	if n == 0 || err != nil {
		return 0, err
	}
	w.thread.Store(int64(unix.Gettid()))
	defer w.thread.Store(0)
	now := time.Now()
	w.turn++
	for i := range w.events[:n] {
		w.ready(w.events[i].Fd, now)
	}
	return n, nil
}

func (w *worker) ready(slot int32, now time.Time) {
	if slot == wakeSlot {
		var n [8]byte
		_, _ = unix.Read(w.wake, n[:])
		return
	}
	if s := w.chunks[slot/chunkSize].Load()[slot%chunkSize].Load(); s != nil { // else closed since
		w.attend(s, now)
	}
}

// attend serves a socket unless it is closed.
func (w *worker) attend(s *Socket, now time.Time) {
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
		n, e := s.receive(w.buffer[:maxBuffer], &w.from)
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
}
