package relay

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// thick is how many sockets are to become ready between two looks by the clock. The
	// thinner packets come, the longer it runs; a packet is late by half of that on average.
	thick             = 8
	shortest, longest = 500 * time.Microsecond, time.Millisecond
	// The clock begins where the worker is woken this often in the longest pace. It rests with
	// fewer than thin sockets in it: to set it would cost as much as to be woken.
	often, thin = 3, 2
	// It rests too where one in so many looks finds nothing: then packets come in bursts,
	// which are fetched together as it is, and the clock would only make them late.
	empty  = 4
	sample = 256 // sockets by which that is measured
)

// pacer tells a worker when to look at its sockets: when a packet comes or, where they
// come thick, by a clock, as a network card holds back its interrupts. It waits in the
// runtime's own poller: a thread that waits in a system call of its own would have the
// scheduler look after it, with other threads, at every wake-up.
type pacer struct {
	sockets int      // the epoll set of the sockets
	clock   int      // a timer
	gate    int      // an epoll set with both, by which the sockets can be shut out
	file    *os.File // the gate, as the runtime's poller waits for it

	shut  bool          // only the clock wakes
	pace  time.Duration // of the clock; 0 where it rests
	since time.Time
	// Counted since then.
	ready    int // sockets
	waits    int
	silences int // looks by the clock that found nothing
}

func newPacer(sockets int) (p *pacer, err error) {
	p = &pacer{sockets: sockets}
	if p.gate, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("creating an epoll set: %w", err)
	}
	if p.clock, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		unix.Close(p.gate)
		return nil, fmt.Errorf("creating a timer: %w", err)
	}
	if err = p.prepare(); err != nil {
		unix.Close(p.gate)
		unix.Close(p.clock)
		return nil, err
	}
	p.file = os.NewFile(uintptr(p.gate), "media sockets")
	return p, nil
}

func (p *pacer) prepare() error {
	for _, fd := range []int{p.sockets, p.clock} {
		if err := unix.EpollCtl(p.gate, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
			return fmt.Errorf("watching media: %w", err)
		}
	}
	// Not blocking, for the runtime's poller to take it.
	if err := unix.SetNonblock(p.gate, true); err != nil {
		return fmt.Errorf("preparing an epoll set: %w", err)
	}
	return nil
}

func (p *pacer) close() {
	_ = p.file.Close()
	unix.Close(p.clock)
}

// run calls look, which serves the sockets that are ready and says how many there were,
// until ctx ends. One of the sockets must become ready then.
func (p *pacer) run(ctx context.Context, look func() (int, error)) error {
	gate, err := p.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("waiting for media: %w", err)
	}
	var failed error
	err = gate.Read(func(uintptr) bool {
		for wait := false; !wait; {
			var n int
			if n, failed = look(); failed != nil || ctx.Err() != nil {
				return true
			}
			if wait, failed = p.next(n); failed != nil {
				return true
			}
		}
		return false
	})
	if failed != nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("waiting for media: %w", err)
	}
	return nil
}

// next reports whether to wait after a look that found n sockets ready, and sees to it
// that something ends the wait.
func (p *pacer) next(n int) (wait bool, err error) {
	if p.ready += n; p.ready >= sample {
		now := time.Now()
		p.judge(now.Sub(p.since))
		p.since, p.ready, p.waits, p.silences = now, 0, 0, 0
	}
	switch {
	case n == 0 && !p.shut:
		p.waits++
		return true, nil // the next packet wakes
	case n == 0:
		p.silences++
		// What came before the gate opened may not wake: another look finds it.
		return false, p.open(true)
	case p.pace == 0 || n == maxEvents: // then there may be more
		return false, nil
	}
	if !p.shut {
		if err := p.open(false); err != nil {
			return false, err
		}
	}
	p.waits++
	return true, p.tick()
}

// judge sets the pace by what was counted in a time.
func (p *pacer) judge(took time.Duration) {
	pays := time.Duration(p.waits)*longest >= often*took
	if p.pace > 0 {
		pays = time.Duration(p.ready)*longest >= thin*took && p.silences*empty < p.waits
	}
	if p.pace = 0; pays {
		p.pace = min(max(took*thick/time.Duration(p.ready), shortest), longest)
	}
}

// open has the sockets wake the worker, or not.
func (p *pacer) open(open bool) error {
	p.shut = !open
	var events uint32
	if open {
		events = unix.EPOLLIN
	}
	if err := unix.EpollCtl(p.gate, unix.EPOLL_CTL_MOD, p.sockets, &unix.EpollEvent{Events: events}); err != nil {
		return fmt.Errorf("watching media: %w", err)
	}
	return nil
}

// tick has the clock wake the worker once. It need not be read nor stopped: each time
// that it runs out is told once.
func (p *pacer) tick() error {
	t := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(p.pace))}
	if err := setTimer(p.clock, &t); err != nil {
		return fmt.Errorf("setting a timer: %w", err)
	}
	return nil
}
