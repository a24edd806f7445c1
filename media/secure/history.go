package secure

// history records which of the last 512 sequence numbers of one SSRC were used to send.
type history struct {
	begun   bool
	wrapped bool
	newest  uint16
	seen    [window]bool // by sequence number modulo the window
}

// fresh reports whether seq was not used before and is not too old to know.
func (h *history) fresh(seq uint16) bool {
	ahead := int16(seq - h.newest)
	if ahead > 0 {
		return true
	}
	if int(-int32(ahead)) >= window || h.seen[seq%window] {
		return false
	}
	// Before the first wrap, a number above the newest is from before the beginning and
	// has no index (RFC 3711 §3.3.1 would need a counter of -1).
	return h.wrapped || seq <= h.newest
}

// mark notes that seq was used.
func (h *history) mark(seq uint16) {
	ahead := int16(seq - h.newest)
	switch {
	case !h.begun:
		h.begun, h.newest = true, seq
	case int(ahead) >= window:
		h.seen = [window]bool{}
		h.advance(seq)
	case ahead > 0:
		for s := h.newest + 1; s != seq; s++ {
			h.seen[s%window] = false
		}
		h.advance(seq)
	}
	h.seen[seq%window] = true
}

func (h *history) advance(seq uint16) {
	h.wrapped = h.wrapped || seq < h.newest
	h.newest = seq
}
