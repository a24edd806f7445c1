package transport

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

var (
	errQueueFull = errors.New("the peer does not read: its write queue is full")
	errClosed    = errors.New("the connection is closed")
)

// link is a network connection whose Write never blocks: octets go into a bounded
// queue. As many as the socket takes are written at once; a goroutine writes the rest
// and ends when the queue is empty. TLS and WebSocket are layered above it, so they
// never block either.
type link struct {
	net.Conn
	t     *Transport
	raw   syscall.RawConn // nil: non-blocking writes are not possible, the goroutine writes everything
	tryFn func(fd uintptr) bool

	mu      sync.Mutex
	held    bool // Write only queues; the caller that set it flushes
	q       []byte
	spare   []byte
	queued  uint64 // octets queued so far
	sent    uint64 // octets taken by the socket so far
	marks   []mark
	writing bool
	billed  int64 // the part of Transport.owed that this link accounts for
	err     error
	drained chan struct{} // closed when everything is written, or nothing can be written any more
	tryN    int
	tryErr  error
	last    time.Duration // when octets were last sent, as Transport.clock
	armed   time.Duration // when the reading deadline was set
	patient bool          // the deadline limits silence, and sending extends it
}

// mark is the end of a message whose sender wants to be told of a failure.
type mark struct {
	end  uint64
	fail Failer
}

func newLink(t *Transport, nc net.Conn) *link {
	k := &link{Conn: nc, t: t}
	if sc, ok := nc.(syscall.Conn); ok && canTry {
		k.raw, _ = sc.SyscallConn() // nil is allowed
		k.tryFn = k.tryWrite
	}
	return k
}

// Write queues b, and starts writing unless held.
func (k *link) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.push(b); err != nil {
		return 0, err
	}
	if !k.held {
		k.flushLocked()
	}
	return len(b), nil
}

// SetWriteDeadline does nothing, since Write does not wait. The goroutine has its own
// deadline.
func (k *link) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline sets the reading deadline.
func (k *link) SetDeadline(t time.Time) error { return k.Conn.SetReadDeadline(t) }

// arm limits reading to d from now; if patient, what we send meanwhile extends it. A
// broken link keeps its past deadline, which wakes the reader.
func (k *link) arm(d time.Duration, patient bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.armLocked(d, patient)
}

func (k *link) armLocked(d time.Duration, patient bool) {
	if k.err == nil {
		k.armed, k.patient = k.t.clock(), patient
		_ = k.Conn.SetReadDeadline(time.Now().Add(d)) // fails only when closed; then Read fails, too
	}
}

// Read reads. Silence does not end it if we have sent meanwhile.
func (k *link) Read(b []byte) (int, error) {
	for {
		n, err := k.Conn.Read(b)
		if n > 0 || err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || !k.spared() {
			return n, err
		}
	}
}

func (k *link) spared() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil || !k.patient || k.last <= k.armed {
		return false
	}
	k.armLocked(k.t.cfg.IdleTimeout, true)
	return true
}

// largeFlush is how many octets may wait for the end of a batch.
const largeFlush = 64 << 10

func (k *link) push(b []byte) error {
	if k.err != nil {
		return k.err
	}
	waiting := int(k.queued - k.sent)
	if waiting+len(b) > k.t.cfg.WriteQueue && waiting > 0 {
		k.flushLocked()
		if waiting = int(k.queued - k.sent); waiting+len(b) > k.t.cfg.WriteQueue && waiting > 0 {
			return errQueueFull
		}
	}
	if k.writing && waiting > largeFlush && k.t.owed.Load() > int64(k.t.cfg.WriteTotal) {
		return errQueueFull
	}
	k.q = append(k.q, b...)
	k.queued += uint64(len(b))
	if k.writing {
		k.bill()
	} else if len(k.q) >= largeFlush {
		k.flushLocked()
	}
	return k.err
}

// hold begins a message that may take several writes; release ends it and stores its
// Failer. first reports that nothing was waiting before: then the caller has to flush.
func (k *link) hold() (first bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = true
	return k.queued == k.sent
}

func (k *link) release(fail Failer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held = false
	k.mark(fail)
}

func (k *link) mark(fail Failer) {
	if k.err != nil {
		k.t.failures.add(fail, k.err)
	} else if fail != nil && k.queued > k.sent {
		k.marks = append(k.marks, mark{k.queued, fail})
	}
}

// message combines hold, Write and release.
func (k *link) message(b []byte, fail Failer) (first bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	first = k.queued == k.sent
	if err := k.push(b); err != nil {
		return false, err
	}
	k.mark(fail)
	return first, nil
}

// flush starts writing what is queued.
func (k *link) flush() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.flushLocked()
}

func (k *link) flushLocked() {
	if k.writing || k.err != nil || len(k.q) == 0 {
		return
	}
	if k.raw != nil {
		k.tryN, k.tryErr = 0, nil
		if err := k.raw.Write(k.tryFn); err != nil && k.tryErr == nil {
			k.tryErr = err
		}
		k.left(k.tryN)
		k.q = k.q[:copy(k.q, k.q[k.tryN:])]
		if k.tryErr != nil {
			k.breakLocked(k.tryErr)
			k.closeSoon()
			return
		}
	}
	if len(k.q) == 0 {
		k.rest()
		return
	}
	k.writing = k.t.spawn(k.drain)
	k.bill()
}

// bill updates Transport.owed. It is always 0 for links whose peers keep up.
func (k *link) bill() {
	n := int64(k.queued - k.sent)
	if k.err != nil {
		n = 0
	}
	if n != k.billed {
		k.t.owed.Add(n - k.billed)
		k.billed = n
	}
}

// closeSoon wakes the reader, which alone ends the connection.
func (k *link) closeSoon() { _ = k.Conn.SetReadDeadline(time.Unix(1, 0)) }

// left counts n octets taken by the socket.
func (k *link) left(n int) {
	if n <= 0 {
		return
	}
	k.sent += uint64(n)
	k.last = k.t.clock()
	if k.billed != 0 {
		k.bill()
	}
	i := 0
	for i < len(k.marks) && k.marks[i].end <= k.sent {
		i++
	}
	if i > 0 {
		rest := copy(k.marks, k.marks[i:])
		clear(k.marks[rest:])
		k.marks = k.marks[:rest]
	}
}

// idleBuffer is the largest buffer a connection keeps while nothing waits.
const idleBuffer = 8 << 10

// rest frees a large buffer when everything is written.
func (k *link) rest() {
	if cap(k.q) > idleBuffer {
		k.q = nil
	}
	k.spare = nil
	if k.drained != nil {
		close(k.drained)
		k.drained = nil
	}
}

// drain writes the queue until it is empty.
func (k *link) drain() {
	for {
		k.mu.Lock()
		if len(k.q) == 0 || k.err != nil {
			k.writing = false
			k.rest()
			k.mu.Unlock()
			return
		}
		b := k.q
		k.q, k.spare = k.spare[:0], nil
		k.mu.Unlock()

		err := k.writeAll(b)

		k.mu.Lock()
		k.spare = b[:0]
		if err != nil {
			k.writing = false
			k.breakLocked(err)
			k.closeSoon()
			k.mu.Unlock()
			return
		}
		k.mu.Unlock()
	}
}

// writeAll writes b in pieces. The peer has WriteTimeout for each: it may be slow, but
// it must go on reading.
func (k *link) writeAll(b []byte) error {
	for len(b) > 0 {
		_ = k.Conn.SetWriteDeadline(time.Now().Add(k.t.cfg.WriteTimeout)) // fails only when closed; then Write fails, too
		n, err := k.Conn.Write(b[:min(len(b), largeFlush)])
		k.mu.Lock()
		k.left(n)
		k.mu.Unlock()
		if err != nil {
			return err
		}
		b = b[n:]
	}
	_ = k.Conn.SetWriteDeadline(time.Time{}) // as above
	return nil
}

// abort drops what is not written and tells the senders.
func (k *link) abort(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.breakLocked(err)
}

func (k *link) breakLocked(err error) {
	if k.err != nil {
		return
	}
	k.err = err
	for _, m := range k.marks {
		k.t.failures.add(m.fail, err)
	}
	k.marks, k.q = nil, nil
	k.bill()
	if !k.writing {
		k.rest()
	}
}

// settle waits until everything is written, or cannot be.
func (k *link) settle() {
	k.mu.Lock()
	k.flushLocked()
	if !k.writing {
		k.mu.Unlock()
		return
	}
	if k.drained == nil {
		k.drained = make(chan struct{})
	}
	done := k.drained
	k.mu.Unlock()
	<-done
}
