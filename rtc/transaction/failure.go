package transaction

import "runtime/debug"

// failure is a message that did not leave, on its way to its lane. The
// transport may tell of it while this or another lane is held by the same
// goroutine (a loop that flushes within Send), so nothing is done on the spot:
// Run delivers.
type failure struct {
	ln  *Lane
	to  failed
	err error
}

// failed is told on its lane that what it sent did not leave.
type failed interface{ sendFailed(err error) }

func (l *Layer) sendFailed(ln *Lane, to failed, err error) {
	l.failMu.Lock()
	l.failures = append(l.failures, failure{ln, to, err})
	l.failMu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Layer) deliverFailures() {
	l.failMu.Lock()
	list := l.failures
	l.failures = nil
	l.failMu.Unlock()
	for i := range list {
		list[i].ln.deliver(&list[i])
	}
}

func (ln *Lane) deliver(f *failure) {
	ln.enter(nil)
	defer ln.leave()
	defer ln.l.recovered()
	f.to.sendFailed(f.err)
}

// clientFailer and serverFailer are the transport's view of a transaction; the
// conversion costs nothing and keeps SendFailed out of the public types.
type (
	clientFailer Client
	serverFailer serverTx
)

// SendFailed implements transport.Failer.
func (f *clientFailer) SendFailed(err error) { f.ln.l.sendFailed(f.ln, (*Client)(f), err) }

// SendFailed implements transport.Failer.
func (f *serverFailer) SendFailed(err error) { f.ln.l.sendFailed(f.ln, (*serverTx)(f), err) }

// recovered is deferred where Run calls the TU: one that panics loses its turn,
// the server goes on (as it does after a panic on a reader loop).
func (l *Layer) recovered() {
	if r := recover(); r != nil {
		l.log.Error("transaction user panicked", "err", r, "stack", string(debug.Stack()))
	}
}
