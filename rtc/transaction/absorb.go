package transaction

import (
	"time"

	"tandem/rtc/transaction/absorb"
)

// sweepEvery is how much longer expired records of a quiet lane may stay.
const sweepEvery = 2 * time.Second

// absorber keeps the final responses of a lane's non-INVITE transactions, and refusals of
// INVITEs on the spot, for 64*T1 (timer J), to answer retransmissions.
type absorber struct {
	ln    *Lane
	ring  absorb.Ring
	timer Timer
}

// lookup returns the response of a key, or nil; it is valid until the next add.
func (a *absorber) lookup(hash uint64, key []byte) []byte {
	resp, expiry := a.ring.Lookup(hash, key)
	if resp == nil || expiry <= a.ln.l.now() {
		return nil
	}
	return resp
}

// add keeps a response from now on.
func (a *absorber) add(hash uint64, key, resp []byte) {
	now := a.ln.l.now()
	expiry := now + 64*a.ln.l.cfg.T1
	before := a.ring.Len()
	a.ring.Add(hash, key, resp, now, expiry)
	a.count(before)
	if a.timer.owner == nil && a.ring.Len() > 0 {
		a.timer.owner = a
		a.ln.arm(&a.timer, a.ring.First())
	}
}

func (a *absorber) count(before int) { a.ln.absorbing.Add(int64(a.ring.Len() - before)) }

// expire sweeps a lane to which nothing is added any more, and gives the memory of an
// empty ring back.
func (a *absorber) expire() {
	before := a.ring.Len()
	a.ring.Sweep(a.timer.due())
	a.count(before)
	if a.ring.Len() == 0 {
		a.ring.Release()
		a.timer.owner = nil
		return
	}
	a.ln.arm(&a.timer, max(a.ring.First(), a.timer.due()+sweepEvery))
}
