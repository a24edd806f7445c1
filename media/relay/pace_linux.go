package relay

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How often a worker looks. Where packets come thick, to be woken by each costs
// more than to fetch them every so often, as a network card holds back its
// interrupts: a packet is then late by half of pace on average, by all of it at
// most. Where they come thin it only makes them late.
const (
	pace = 250 * time.Microsecond
	// thick is how many come in a pace, in the time for sample, for the clock to
	// take over; with fewer than thin it ends.
	thick, thin = 8, 7
	sample      = 256 // packets
	looks       = 32
)

// pacer tells a worker when to look at its sockets. It waits in the runtime's
// own poller: a thread that waits in a system call of its own would have the
// scheduler look after it, with other threads, at every wake-up.
type pacer struct {
	epoll       int      // has the sockets
	gate, clock *os.File // an epoll set that has only epoll, to shut it out by; and a timer
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

// run calls serve, which says how many packets it found, until ctx ends. To end
// it earlier than the next packet, one of the sockets must become ready.
func (p *pacer) run(ctx context.Context, serve func() (int, error)) error {
	gate, err := p.gate.SyscallConn()
	if err != nil {
		return fmt.Errorf("waiting for media: %w", err)
	}
	clock, err := p.clock.SyscallConn()
	if err != nil {
		return fmt.Errorf("waiting for media: %w", err)
	}
	for ctx.Err() == nil {
		if err := p.woken(ctx, gate, serve); err != nil {
			return err
		}
		if err := p.paced(ctx, clock, serve); err != nil {
			return err
		}
	}
	return nil
}

// woken serves what wakes it, until that comes thick.
func (p *pacer) woken(ctx context.Context, gate syscall.RawConn, serve func() (int, error)) error {
	if err := p.open(unix.EPOLLIN); err != nil {
		return err
	}
	var failed error
	var since time.Time
	packets := 0
	err := gate.Read(func(uintptr) bool {
		for {
			var n int
			if n, failed = serve(); failed != nil || ctx.Err() != nil {
				return true
			}
			if n == 0 {
				return false // from here on the next packet wakes
			}
			if packets += n; packets < sample {
				continue
			}
			now := time.Now()
			dense := now.Sub(since) < sample/thick*pace
			if since, packets = now, 0; dense {
				return true
			}
		}
	})
	return wait(err, failed)
}

// open sets what of the sockets' set passes the gate.
func (p *pacer) open(events uint32) error {
	if err := unix.EpollCtl(p.gateFD, unix.EPOLL_CTL_MOD, p.epoll, &unix.EpollEvent{Events: events}); err != nil {
		return fmt.Errorf("waiting for media: %w", err)
	}
	return nil
}

// paced fetches by the clock until little comes.
func (p *pacer) paced(ctx context.Context, clock syscall.RawConn, serve func() (int, error)) error {
	if err := p.open(0); err != nil { // no packet wakes
		return err
	}
	looked, packets := 0, 0
	var failed error
	err := clock.Read(func(uintptr) bool {
		var n int
		n, failed = serve()
		packets += n
		if looked++; looked == looks {
			if packets < looks*thin {
				return true
			}
			looked, packets = 0, 0
		}
		if failed == nil && ctx.Err() == nil {
			failed = p.tick(pace)
		}
		return failed != nil || ctx.Err() != nil
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
