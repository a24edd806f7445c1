package relay

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How often a worker looks. To be woken costs more than to pass a packet on, so
// once packets come thick they are fetched every so often, as a network card
// holds back its interrupts: a packet is then late by half of pace on average,
// by all of it at most.
const (
	pace     = 250 * time.Microsecond
	brisk    = 2 * pace // wake-ups nearer than this are thick
	patience = 2        // looks in vain after which it waits to be woken again
)

// pacer tells a worker when to look at its sockets. It waits in the runtime's
// own poller: a thread that waits in a system call of its own would have the
// scheduler look after it, with other threads, at every wake-up.
type pacer struct {
	epoll       int      // has the sockets
	gate, clock *os.File // an epoll set that has only epoll, and a timer
	gateFD      int
	clockFD     int
}

func newPacer(epoll int) (*pacer, error) {
	gate, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("creating an epoll set: %w", err)
	}
	if err := unix.EpollCtl(gate, unix.EPOLL_CTL_ADD, epoll, &unix.EpollEvent{}); err != nil {
		unix.Close(gate)
		return nil, fmt.Errorf("watching an epoll set: %w", err)
	}
	clock, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		unix.Close(gate)
		return nil, fmt.Errorf("creating a timer: %w", err)
	}
	// Not blocking, for the runtime's poller to take it.
	if err := unix.SetNonblock(gate, true); err != nil {
		unix.Close(gate)
		unix.Close(clock)
		return nil, fmt.Errorf("preparing an epoll set: %w", err)
	}
	return &pacer{
		epoll: epoll, gateFD: gate, clockFD: clock,
		gate: os.NewFile(uintptr(gate), "gate"), clock: os.NewFile(uintptr(clock), "clock"),
	}, nil
}

func (p *pacer) close() {
	_ = p.gate.Close()
	_ = p.clock.Close()
}

// run calls serve, which says how many sockets it found ready, until ctx ends.
// To end it earlier than the next packet, one of the sockets must become ready.
func (p *pacer) run(ctx context.Context, serve func() (int, error)) error {
	gate, err := p.gate.SyscallConn()
	if err != nil {
		return fmt.Errorf("waiting for media: %w", err)
	}
	clock, err := p.clock.SyscallConn()
	if err != nil {
		return fmt.Errorf("waiting for media: %w", err)
	}
	var last time.Time
	for ctx.Err() == nil {
		if err := p.woken(gate); err != nil {
			return err
		}
		if _, err := serve(); err != nil {
			return err
		}
		now := time.Now()
		thick := now.Sub(last) < brisk
		if thick {
			if err := p.paced(ctx, clock, serve); err != nil {
				return err
			}
			now = time.Now()
		}
		last = now
	}
	return nil
}

// woken waits until a socket is ready, or finds one that is.
func (p *pacer) woken(gate syscall.RawConn) error {
	// One shot: while packets are fetched by the clock none of them wakes.
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT}
	if err := unix.EpollCtl(p.gateFD, unix.EPOLL_CTL_MOD, p.epoll, &event); err != nil {
		return fmt.Errorf("waiting for media: %w", err)
	}
	var failed error
	var events [1]unix.EpollEvent
	err := gate.Read(func(fd uintptr) bool {
		var n int
		n, failed = poll(int(fd), events[:])
		return n > 0 || failed != nil
	})
	return wait(err, failed)
}

// paced fetches by the clock until nothing comes.
func (p *pacer) paced(ctx context.Context, clock syscall.RawConn, serve func() (int, error)) error {
	idle := -1 // the first look is at once, when nothing can have come
	var failed error
	err := clock.Read(func(uintptr) bool {
		var n int
		if n, failed = serve(); n > 0 {
			idle = 0
		} else {
			idle++
		}
		if idle >= patience || failed != nil || ctx.Err() != nil {
			return true
		}
		failed = p.tick(pace)
		return failed != nil
	})
	return wait(err, failed)
}

func wait(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("waiting for media: %w", err)
		}
	}
	return nil
}

// tick has the timer run out once. It need not be read nor stopped: to set it
// takes back what it had to say, and nobody listens while it is not set.
func (p *pacer) tick(after time.Duration) error {
	t := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(after))}
	return setTimer(p.clockFD, &t)
}
