package proxy

import (
	"sync"
	"sync/atomic"

	"tandem/rtc/reach"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
)

// work holds the buffers for making one message.
type work struct {
	edit    sip.Edit
	scratch []byte
	out     []byte
	tail    [loopLen]byte
	cands   []resolve.Candidate
	ways    []reach.Way
	ack     statelessBranch
	stripe  int // which stripe of the counters it writes
}

var (
	works  = sync.Pool{New: newWork}
	worked atomic.Uint32 // works made so far
)

func newWork() any {
	return &work{scratch: make([]byte, 0, 1024), out: make([]byte, 0, 4096), stripe: int(worked.Add(1))}
}

func getWork() *work { return works.Get().(*work) }

func (w *work) put() {
	w.ack = statelessBranch{}
	if cap(w.out) <= 1<<16 {
		works.Put(w)
	}
}
