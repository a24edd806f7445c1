package registrar

import (
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/internal/tally"
	"tandem/rtc/location"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// job is one REGISTER from its reading to its answer. Jobs are used again.
type job struct {
	g     *Registrar
	stats *tally.Row // the pool keeps a job on its core, and these with it

	// Of the request; not valid once serve has returned.
	m      *sip.Message
	id     *rtc.Identity
	flow   transport.Flow
	callID []byte
	path   []byte

	tx       responder
	lane     lane
	now      time.Time
	aor      rtc.AOR
	cseq     uint32
	contacts []contact
	star     bool
	gruu     bool // the phone understands GRUUs
	outbound bool // a contact is bound to its flow (RFC 5626)
	kind     outcome
	refused  *rtc.Status // by the rules, nothing was changed

	// head is the 200 up to its Contacts, made while the request is valid.
	head []byte
	body []byte

	state atomic.Uint32
	list  []location.Binding
	err   error

	// The methods as values, made once.
	changeFunc func([]location.Binding) ([]location.Binding, error)
	doneFunc   func([]location.Binding, error)
	sendFunc   func()
}

// A job is finished by whoever comes second: the lane that is through with the
// request, or the location that has made its outcome durable.
const (
	running uint32 = iota
	left           // the lane has gone; done sends
	settled        // done has been; the lane sends
)

// outcome is what a request did, for the counters.
type outcome uint8

const (
	fetched outcome = iota
	bound
	refreshed
	removed
)

func newJob(g *Registrar) *job {
	j := &job{g: g, stats: g.stats.Row(int(g.made.Add(1)))}
	j.changeFunc, j.doneFunc, j.sendFunc = j.change, j.done, j.finish
	return j
}

// free makes the job ready for another request.
func (j *job) free() {
	clear(j.contacts)
	*j = job{g: j.g, stats: j.stats, contacts: j.contacts[:0], head: j.head[:0], body: j.body[:0],
		changeFunc: j.changeFunc, doneFunc: j.doneFunc, sendFunc: j.sendFunc}
	j.g.jobs.Put(j)
}

// run applies the request and answers it, now or when it is on disk.
func (j *job) run() error {
	g := j.g
	j.prepare()
	g.loc.Update(j.aor, j.changeFunc, j.doneFunc)
	if st := j.refused; st != nil { // change said so, and done has been called
		return j.refuse(st)
	}
	if !j.state.CompareAndSwap(running, left) {
		j.finish()
	}
	return nil
}

// done is called by the location, on this lane or from elsewhere.
func (j *job) done(list []location.Binding, err error) {
	if j.refused != nil {
		return
	}
	j.list, j.err = list, err
	if !j.state.CompareAndSwap(running, settled) {
		j.lane.Soon(j.sendFunc) // with the other answers of its commit
	}
}

// finish sends the answer, on the lane.
func (j *job) finish() {
	g, c := j.g, j.stats
	if j.err != nil {
		c.Add(countedFailed)
		g.log.Error("bindings not stored", "aor", string(j.aor), "err", j.err)
		j.tx.Respond(503, j.unavailable())
		j.free()
		return
	}
	switch j.kind {
	case bound:
		c.Add(countedBound)
	case refreshed:
		c.Add(countedRefreshed)
	case removed:
		c.Add(countedRemoved)
	default:
		c.Add(countedFetched)
	}
	j.tx.Respond(200, j.success())
	j.free()
}
