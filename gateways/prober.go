package gateways

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"time"

	"tandem/gateways/dialect"
	"tandem/rtc/uac"
)

// Sender sends a request outside dialogs, as uac.Client.Send does.
type Sender func(o uac.Outside, done func(uac.Reply)) error

// Prober asks trunks by OPTIONS whether they are there (RFC 3261 §11). Any answer
// but 408 and 503 says so: many gateways know no OPTIONS, and say that.
type Prober struct {
	table func() *Table
	send  Sender
	from  string // name-addr
	every time.Duration
	asked map[*live]*asked // the Run loop's alone
	ended chan *live       // probes under way no more
}

// asked is when a trunk was probed.
type asked struct {
	at   time.Time
	wait time.Duration // until the next probe, spread so that not all trunks are asked at once
	now  bool          // a probe is under way
}

// How long a probe waits for its answer, how soon the next one follows while
// something speaks against the trunk, and how often the loop looks.
const (
	probeWait = 4 * time.Second
	probeSoon = 5 * time.Second
	probeTick = 500 * time.Millisecond
)

// NewProber makes a prober of the trunks of a table, which asks each so often; 0
// is 30 s. from is the name-addr it asks by.
func NewProber(table func() *Table, send Sender, from string, every time.Duration) *Prober {
	return &Prober{table: table, send: send, from: from, every: cmp.Or(every, 30*time.Second),
		asked: make(map[*live]*asked), ended: make(chan *live, 2*MaxTrunks)}
}

// Run asks until ctx ends.
func (p *Prober) Run(ctx context.Context) error {
	tick := time.NewTicker(probeTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case l := <-p.ended:
			if a := p.asked[l]; a != nil {
				a.now = false
			}
		case now := <-tick.C:
			p.look(now)
		}
	}
}

// look probes all trunks that are due, and forgets those that are gone.
func (p *Prober) look(now time.Time) {
	trunks := p.table().All()
	for _, t := range trunks {
		a := p.asked[t.live]
		if a == nil { // a new one is asked within a second
			a = &asked{at: now, wait: time.Duration(rand.Int64N(int64(time.Second)))}
			p.asked[t.live] = a
		}
		if !t.live.settled() { // a pause or a report may be over
			t.live.observe(now, "what spoke against it is over", func(h *health) { h.review(now) })
		}
		if t.Disabled || a.now || now.Sub(a.at) < a.until(t.live) {
			continue
		}
		a.at, a.wait = now, p.every-time.Duration(rand.Int64N(int64(p.every)/5+1))
		if t.Speaks().Probe == dialect.ProbeOff {
			t.live.observe(now, "it is tried again, since it is not probed", func(h *health) { h.forget(now) })
			continue
		}
		a.now = true
		p.probe(t, 0)
	}
	if len(p.asked) > len(trunks) {
		here := make(map[*live]bool, len(trunks))
		for _, t := range trunks {
			here[t.live] = true
		}
		maps.DeleteFunc(p.asked, func(l *live, _ *asked) bool { return !here[l] })
	}
}

func (a *asked) until(l *live) time.Duration {
	if !l.settled() {
		return min(a.wait, probeSoon)
	}
	return a.wait
}

// probe asks the trunk at one of its addresses, and at the next one when that
// does not answer.
func (p *Prober) probe(t *Trunk, address int) {
	o := uac.Outside{Method: "OPTIONS", Way: uac.Way{URI: t.Addresses[address], Peer: t.Name}, From: p.from, Timeout: probeWait,
		Content: uac.Content{Header: []byte("Accept: application/sdp\r\n")}}
	err := p.send(o, func(r uac.Reply) {
		switch {
		case r.Message != nil:
			seconds, _ := r.RetryAfter()
			t.Reported(r.Message)
			t.Heard(r.StatusCode(), time.Duration(seconds)*time.Second)
		case address+1 < len(t.Addresses):
			p.probe(t, address+1)
			return
		default:
			t.Missed("no answer to OPTIONS: " + r.Err.Error())
		}
		p.ended <- t.live
	})
	if err != nil { // too much to do here: that says nothing about the trunk
		p.ended <- t.live
	}
}
