package transaction

// The non-INVITE server machine: RFC 3261 §17.2.2. Its Completed state is a
// record in the lane's ring: the transaction itself ends with the final response.

// guard ends a transaction the TU never answers when its client has given up
// (timer F); an answer after that would only add traffic (RFC 4320 §4.2).
func (tx *serverTx) guard() {
	tx.ln.arm(&tx.timer, tx.ln.l.now()+64*tx.ln.l.cfg.T1)
}

func (tx *serverTx) respondOther(code int, b []byte) {
	switch {
	case tx.final:
	case code < 200:
		tx.state = proceeding
		tx.remember(b)
		tx.transmit(b, nil)
	default:
		tx.transmit(b, nil)
		if !tx.stream() { // timer J is 0 on streams
			tx.absorb(b)
		}
		tx.terminate()
	}
}

// absorb leaves b in the ring to answer copies of the request.
func (tx *serverTx) absorb(b []byte) {
	tx.ln.past.add(tx.hash, tx.keyBytes(), b)
}

func (tx *serverTx) expireOther() {
	tx.ln.l.timeouts.Add(1)
	tx.terminate()
}
