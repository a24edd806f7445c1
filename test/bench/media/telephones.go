package media

import (
	"encoding/binary"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Telephones are the sound of telephones whose calls another program signals. All hear at
// one socket. Each speaks to the port of the relay that its call was told, 50 packets a
// second for a time, and is heard by the other one of its call.
type Telephones struct {
	socket *socket
	talk   int // packets that each sends
	calls  chan int
	stop   chan struct{}
	ended  chan struct{}

	// The loop's:
	streams []stream
	left    []int // packets each has still to send
	next    int   // where the next call goes
	w       window
	heard   [1 << 16]int  // packets from a port of the relay, in its present call
	known   [1 << 16]bool // it has one
	out     Heard
}

// Heard is what telephones heard.
type Heard struct {
	Legs, Silent  int // calls of a telephone; those that heard for less than half of the time
	Sent, Arrived int // packets
	P99           time.Duration
	Late          time.Duration // how far the telephones fell behind at most
}

// NewTelephones opens the socket. At most so many telephones speak at a time, each for talk.
func NewTelephones(most int, talk time.Duration) (*Telephones, error) {
	s, err := open(phonePort)
	if err != nil {
		return nil, err
	}
	t := &Telephones{socket: s, talk: int(talk / frame), calls: make(chan int, most), stop: make(chan struct{}), ended: make(chan struct{}),
		streams: make([]stream, most), left: make([]int, most)}
	t.w.delays = make([]uint32, longest)
	go t.run()
	return t, nil
}

// Port is where all of them hear.
func (t *Telephones) Port() int { return t.socket.port }

// Speak has one speak to a port of the relay.
func (t *Telephones) Speak(port int) { t.calls <- port }

// Close ends it, and tells what was heard.
func (t *Telephones) Close() Heard {
	close(t.stop)
	<-t.ended
	t.socket.close()
	for port := range t.known {
		t.over(port)
	}
	t.out.P99 = t.w.quantile(0.99)
	t.out.Arrived, t.out.Late = t.w.marked, t.w.late
	return t.out
}

// run sends what is due and reads what has come, until Close.
func (t *Telephones) run() {
	defer close(t.ended)
	// The thread must not end with it: it may be that which started the server, which
	// is killed when it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = pin(1)
	if unix.Setpriority(unix.PRIO_PROCESS, 0, first) == nil {
		defer func() { _ = unix.Setpriority(unix.PRIO_PROCESS, 0, 0) }()
	}
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	every := frame / time.Duration(len(t.streams))
	begin := time.Now()
	for n := 0; ; {
		select {
		case <-t.stop:
			return
		case port := <-t.calls:
			t.begin(port)
			continue
		default:
		}
		gone := time.Since(begin)
		t.w.late = max(t.w.late, gone-time.Duration(n)*every)
		for ; time.Duration(n)*every <= gone; n++ {
			if i := n % len(t.streams); t.left[i] > 0 {
				t.left[i]--
				t.streams[i].send(1, true)
				t.out.Sent++
			}
		}
		t.socket.flush()
		for t.socket.read(t.hear) == batch {
		}
		doze(max(nap, time.Until(begin.Add(time.Duration(n)*every))))
	}
}

// begin has a telephone speak, in the place of the one that has been silent for longest.
func (t *Telephones) begin(port int) {
	t.over(port)
	t.known[port] = true
	i := t.next % len(t.streams)
	t.next++
	t.streams[i] = stream{leg: leg{socket: t.socket, port: port}, step: 160, stamp: true, frames: [][]byte{slices.Repeat([]byte{0xff}, 160)}}
	t.left[i] = t.talk
}

// over counts the call that a port of the relay had.
func (t *Telephones) over(port int) {
	if t.known[port] {
		t.out.Legs++
		if t.heard[port] < t.talk/2 {
			t.out.Silent++
		}
	}
	t.known[port], t.heard[port] = false, 0
}

// hear takes a packet from a port of the relay.
func (t *Telephones) hear(b []byte, port int, at int64) {
	if len(b) >= 28 && binary.BigEndian.Uint32(b[20:]) == mark {
		t.heard[port]++
		t.w.marked++
		t.w.delay(at - int64(binary.BigEndian.Uint64(b[12:])))
	}
}
