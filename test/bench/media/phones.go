package media

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	frame = 20 * time.Millisecond
	// socketsEach is how many sockets the calling ends share, and as many the
	// called ones: what the relay does costs the same, and the phones keep up.
	socketsEach = 2
	mark        = 0x7a4d4544 // in each packet that tells when it was sent
	// A pass of the loop sends what is due and sleeps this long at least.
	nap = 100 * time.Microsecond
	// Arrivals are read this often; the kernel tells when each came.
	readEvery = time.Millisecond
)

// stream is what one end sends.
type stream struct {
	leg
	seq    uint16
	time   uint32
	step   uint32 // of the timestamp
	frames [][]byte
	next   int
	stamp  bool // the payload is ours to fill
	told   bool // and arrives as it was
}

// phones are all ends of all calls, as one loop.
type phones struct {
	sockets [2 * socketsEach]*socket
	streams []stream
	calls   int
	window  uint32
}

func newPhones() (*phones, error) {
	p := &phones{}
	from := phonePort
	for i := range p.sockets {
		s, err := open(from)
		if err != nil {
			p.close()
			return nil, err
		}
		p.sockets[i], from = s, s.port+2
	}
	return p, nil
}

func (p *phones) close() {
	for _, s := range p.sockets {
		if s != nil {
			s.close()
		}
	}
}

// call adds calls of a kind through a relay.
func (p *phones) call(ctx context.Context, k kind, r *relay, calls int, s *speech) error {
	for range calls {
		a, b := p.pair()
		legs, err := k.open(ctx, r, fmt.Sprintf("bench-%d", p.calls), a, b)
		if err != nil {
			return fmt.Errorf("call %d: %w", p.calls+1, err)
		}
		p.add(legs, s)
	}
	return nil
}

// direct adds calls without a relay.
func (p *phones) direct(calls int) {
	for range calls {
		a, b := p.pair()
		p.add([2]leg{{socket: a, port: b.port}, {socket: b, port: a.port}}, nil)
	}
}

func (p *phones) pair() (a, b *socket) {
	n := p.calls % socketsEach
	return p.sockets[n], p.sockets[socketsEach+n]
}

// add lets both ends of a call speak; s is what they say when it is to be
// understood.
func (p *phones) add(legs [2]leg, s *speech) {
	for i, l := range legs {
		st := stream{leg: l, step: 160, stamp: s == nil, told: s == nil && legs[1-i].keys == nil, next: 37 * p.calls}
		switch {
		case s == nil:
			st.frames = [][]byte{slices.Repeat([]byte{0xff}, 160)}
		case i == 0:
			st.frames = s.pcmu
		default:
			st.frames, st.step = s.opus, 960
			if l.narrow {
				st.frames = s.narrow
			}
		}
		p.streams = append(p.streams, st)
	}
	p.calls++
}

// run lets all ends speak for a time, after as much as is needed for things to
// settle, and counts. used is the processor time of the relay so far.
func (p *phones) run(ctx context.Context, used func() time.Duration, settle, length time.Duration) (w window, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := pin(1); err != nil {
		return w, err
	}
	if unix.Setpriority(unix.PRIO_PROCESS, 0, first) == nil {
		defer func() { _ = unix.Setpriority(unix.PRIO_PROCESS, 0, 0) }()
	}
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	p.window++
	w.delays = make([]uint32, longest)
	w.calls, w.length = p.calls, length
	every := frame / time.Duration(len(p.streams))
	begin := time.Now()
	counting, read := false, begin
	var from, until int64
	for n := 0; ctx.Err() == nil; {
		now := time.Now()
		gone := now.Sub(begin)
		if !counting && gone >= settle {
			counting = true
			w.cpu -= used()
			from, until = now.UnixNano(), now.Add(length).UnixNano()
			w.late = 0
		}
		if gone >= settle+length {
			break
		}
		w.late = max(w.late, gone-time.Duration(n)*every)
		for ; time.Duration(n)*every <= gone; n++ {
			st := &p.streams[n%len(p.streams)]
			st.send(p.window, counting)
			if counting {
				w.sent++
			}
			if counting && st.told {
				w.told++
			}
		}
		p.flush()
		if now.Sub(read) >= readEvery {
			read = now
			p.read(&w, from, until)
		}
		doze(max(nap, time.Until(begin.Add(time.Duration(n)*every))))
	}
	w.cpu += used()
	for quiet := time.Now(); time.Since(quiet) < 100*time.Millisecond && ctx.Err() == nil; {
		p.read(&w, from, until)
		doze(readEvery)
	}
	return w, ctx.Err()
}

func (p *phones) flush() {
	for _, s := range p.sockets {
		s.flush()
	}
}

// doze sleeps on no socket, so that no relay pays for waking us.
func doze(d time.Duration) {
	t := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.Nanosleep(&t, nil)
}

// send queues the stream's next packet.
func (s *stream) send(number uint32, counting bool) {
	b := s.socket.next()
	f := s.frames[s.next%len(s.frames)]
	s.next++
	s.seq++
	s.time += s.step
	b[0], b[1] = 0x80, s.number
	binary.BigEndian.PutUint16(b[2:], s.seq)
	binary.BigEndian.PutUint32(b[4:], s.time)
	binary.BigEndian.PutUint32(b[8:], uint32(s.port)<<8|uint32(s.number))
	n := 12 + copy(b[12:], f)
	if s.stamp {
		binary.BigEndian.PutUint64(b[12:], uint64(time.Now().UnixNano()))
		binary.BigEndian.PutUint32(b[20:], mark)
		if !counting {
			number = 0
		}
		binary.BigEndian.PutUint32(b[24:], number)
	}
	if s.keys != nil {
		out, err := s.keys.Protect(b[:n:maxSize])
		if err != nil {
			return // cannot happen before 2^48 packets
		}
		n = len(out)
	}
	s.socket.queue(n, s.port, s.stamp && s.keys == nil)
}

// read takes what has arrived.
func (p *phones) read(w *window, from, until int64) {
	take := func(b []byte, _ int, at int64) {
		if len(b) < 13 {
			return
		}
		if at >= from && at < until && from > 0 {
			w.arrived++
		}
		if len(b) >= 28 && binary.BigEndian.Uint32(b[20:]) == mark && binary.BigEndian.Uint32(b[24:]) == p.window {
			w.marked++
			w.delay(at - int64(binary.BigEndian.Uint64(b[12:])))
		}
	}
	for _, s := range p.sockets {
		for s.read(take) == batch {
		}
	}
}

// pin keeps this thread on a core, on a machine that has it.
func pin(core int) error {
	if runtime.NumCPU() <= core {
		return nil
	}
	var set unix.CPUSet
	set.Set(core)
	return unix.SchedSetaffinity(0, &set)
}
