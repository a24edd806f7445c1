package transaction

import "sync"

// buffer holds a message a transaction may have to repeat.
type buffer struct {
	b     []byte
	class int // index in bufferSizes, -1: not pooled
}

var bufferSizes = [...]int{512, 1024, 2048, 4096, 16384}

// bufferPools keeps free buffers by size, so that a transaction costs no
// garbage but itself.
type bufferPools [len(bufferSizes)]sync.Pool

// keep copies b into a buffer.
func (p *bufferPools) keep(b []byte) *buffer {
	buf := p.get(len(b))
	buf.b = append(buf.b, b...)
	return buf
}

func (p *bufferPools) get(size int) *buffer {
	for i, n := range bufferSizes {
		if size <= n {
			if b, ok := p[i].Get().(*buffer); ok {
				return b
			}
			return &buffer{b: make([]byte, 0, n), class: i}
		}
	}
	return &buffer{b: make([]byte, 0, size), class: -1}
}

// put gives the buffer back; safe on nil.
func (p *bufferPools) put(b *buffer) {
	// One that grew past its class would make its pool's buffers ever larger.
	if b == nil || b.class < 0 || cap(b.b) != bufferSizes[b.class] {
		return
	}
	b.b = b.b[:0]
	p[b.class].Put(b)
}
