package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport/sieve"
)

// batchSize is the most datagrams that one system call receives or sends.
const batchSize = 32

// longestDatagram is the length limit of UDP, in octets.
const longestDatagram = 65535

// udpSocket is one of the sockets of a UDP listener.
type udpSocket struct {
	conn   *net.UDPConn
	raw    syscall.RawConn
	v6     bool
	count  *counters   // counters of the loop that reads it
	spare  sync.Pool   // outboxes for sending outside the loop
	drops  uint32      // drops seen by the last call of Pressure
	sieved atomic.Bool // while set, drops of the kernel are not counted as losses
}

// bindUDP opens one socket for each loop, all bound to one address. The first one is
// bound without SO_REUSEPORT, so that a port in use by another program is an error and
// not shared.
func (l *Listener) bindUDP() error {
	loops := l.cfg.Loops
	if loops <= 0 {
		loops = runtime.GOMAXPROCS(0)
	}
	if !canShare {
		loops = 1
	}
	at := l.cfg.Addr
	for i := range loops {
		s, err := l.openUDP(at, i > 0)
		if err != nil {
			return err
		}
		l.socks = append(l.socks, s)
		if i == 0 {
			at = s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
			at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
		}
		if i == 0 && loops > 1 {
			if err := setSocket(s.raw, shareSocket); err != nil {
				return err
			}
		}
	}
	l.addr = at
	return nil
}

func (l *Listener) openUDP(at netip.AddrPort, share bool) (*udpSocket, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		if share {
			if err := setSocket(raw, shareSocket); err != nil {
				return err
			}
		}
		return setSocket(raw, bufferSocket)
	}}
	pc, err := lc.ListenPacket(context.Background(), l.network(), at.String())
	if err != nil {
		return nil, bareError(err)
	}
	s := &udpSocket{conn: pc.(*net.UDPConn), v6: at.Addr().Is6()}
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		s.conn.Close()
		return nil, err
	}
	s.count = &l.t.count[UDP]
	s.spare.New = func() any { return newOutbox(l.t, s) }
	return s, nil
}

// bareError removes the parts of an error that the caller states better.
func bareError(err error) error {
	var sys *net.OpError
	if errors.As(err, &sys) {
		return sys.Err
	}
	return err
}

// udpLoop reads one socket.
type udpLoop struct {
	t     *Transport
	l     *Listener
	in    *inbox
	out   batch
	msg   sip.Message
	valve valve
	sieve *sieve.Sieve // nil = none
	stun  []byte
	count counters
}

func newUDPLoop(l *Listener, i int) *udpLoop {
	u := &udpLoop{t: l.t, l: l, in: newInbox(l.socks[i], min(l.t.cfg.MaxMessage, longestDatagram))}
	u.out = batch{t: l.t, lane: i, slots: true}
	l.socks[i].count = &u.count
	if c := l.t.cfg.Sieve; c != nil && len(l.cfg.Trusted) == 0 {
		u.sieve = sieve.New(l.socks[i].raw, c)
	}
	return u
}

func (u *udpLoop) run() {
	for {
		n, err := u.in.receive()
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // regulate sets the deadline
			if errors.Is(err, net.ErrClosed) {
				return
			}
			u.t.cfg.Log.Error("receiving datagrams failed", "addr", u.l.addr, "err", err)
			if !u.t.pause(100 * time.Millisecond) {
				return
			}
			continue
		}
		u.out.now = time.Now()
		u.regulate(n == batchSize)
		for i := range n {
			u.datagram(i)
		}
		u.out.flush()
		if u.valve.shut > 0 {
			runtime.Gosched() // the buffer never becomes empty, and other goroutines must run, too
		}
	}
}

// pause waits for d; it returns false when the transport ends meanwhile.
func (t *Transport) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.ctx.Done():
		return false
	}
}

var errLongDatagram = &sip.Error{Code: 513, Reason: "Message Too Large"}

func (u *udpLoop) datagram(i int) {
	b, from, cut := u.in.at(i)
	f := Flow{l: u.l, Remote: from}
	if isKeepAlive(b) {
		u.count.keepAlives.Add(1)
		return
	}
	if isSTUN(b) {
		u.count.keepAlives.Add(1)
		if u.stun = appendSTUN(u.stun[:0], b, from); len(u.stun) > 0 {
			u.out.box(u.l).add(from, u.stun, nil)
		}
		return
	}
	if u.sheds(f, b) {
		u.count.shed.Add(1)
		return
	}
	var refused *sip.Error
	if cut {
		refused = errLongDatagram
	}
	u.t.deliver(&u.out, &u.count, f, &u.msg, b, refused)
}

// deliver parses b and calls the handler. refused is an error other than one of the
// grammar. A panic ends only the handling of this message.
func (t *Transport) deliver(out *batch, count *counters, f Flow, m *sip.Message, b []byte, refused *sip.Error) {
	defer t.panics.recovered()
	count.in.Add(1)
	if t.cfg.Tap != nil {
		t.tap(out.lane, out.now, false, f, b)
	}
	if t.succeeder != nil && refused == nil && t.succeeder.Success(out, b) {
		return
	}
	err := m.Parse(b)
	if refused != nil {
		err = refused
	}
	if err != nil {
		count.malformed.Add(1)
	}
	m.Source, m.Time = f.Remote, out.now
	t.cfg.Handler.Message(out, f, m, err)
}
