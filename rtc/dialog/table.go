package dialog

import (
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"tandem/rtc/sip"
)

// ErrFull says that the Table holds as many dialogs as it may.
var ErrFull = errors.New("too many dialogs")

// ErrKnown says that the dialog is in the Table already.
var ErrKnown = errors.New("dialog exists")

const shards = 64

// Table finds dialogs by ID, from any lane. It is bounded.
type Table struct {
	max  int64
	n    atomic.Int64
	seed maphash.Seed
	part [shards]part

	flows [shards]flowPart
}

type part struct {
	mu sync.RWMutex
	m  map[uint64]*Dialog
}

// NewTable makes a table of at most max dialogs; 0 means 500000.
func NewTable(max int) *Table {
	if max <= 0 {
		max = 500000
	}
	t := &Table{max: int64(max), seed: maphash.MakeSeed()}
	for i := range t.part {
		t.part[i].m = make(map[uint64]*Dialog)
	}
	return t
}

// Len is the number of dialogs, those that ended lately included.
func (t *Table) Len() int { return int(t.n.Load()) }

func (t *Table) hash(callID, local, remote []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	h.Write(callID)
	h.WriteByte(0)
	h.Write(local)
	h.WriteByte(0)
	h.Write(remote)
	return h.Sum64()
}

func (t *Table) hashID(id ID) uint64 {
	return t.hash([]byte(id.CallID), []byte(id.Local), []byte(id.Remote))
}

// Add enters a dialog; the error is ErrFull or ErrKnown. Only on its lane.
func (t *Table) Add(d *Dialog) error {
	if err := t.enter(d); err != nil {
		return err
	}
	d.table = t
	d.follow(d.flow)
	return nil
}

func (t *Table) enter(d *Dialog) error {
	h := t.hashID(d.id)
	p := &t.part[h%shards]
	p.mu.Lock()
	defer p.mu.Unlock()
	for x := p.m[h]; x != nil; x = x.chain {
		if x.id == d.id {
			return ErrKnown
		}
	}
	if t.n.Add(1) > t.max {
		t.n.Add(-1)
		return ErrFull
	}
	d.chain = p.m[h]
	p.m[h] = d
	return nil
}

// Remove forgets a dialog. Only on its lane.
func (t *Table) Remove(d *Dialog) {
	t.stick(d, 0)
	h := t.hashID(d.id)
	p := &t.part[h%shards]
	p.mu.Lock()
	defer p.mu.Unlock()
	var before *Dialog
	for x := p.m[h]; x != nil; before, x = x, x.chain {
		if x != d {
			continue
		}
		switch {
		case before != nil:
			before.chain = x.chain
		case x.chain != nil:
			p.m[h] = x.chain
		default:
			delete(p.m, h)
		}
		d.chain = nil
		t.n.Add(-1)
		return
	}
}

// Find returns the dialog a request belongs to, nil when there is none. It
// does not allocate.
func (t *Table) Find(m *sip.Message) *Dialog {
	return t.Match(m.CallID(), m.ToTag(), m.FromTag())
}

// Match returns the dialog of an ID.
func (t *Table) Match(callID, local, remote []byte) *Dialog {
	h := t.hash(callID, local, remote)
	p := &t.part[h%shards]
	p.mu.RLock()
	defer p.mu.RUnlock()
	for x := p.m[h]; x != nil; x = x.chain {
		if x.id.CallID == string(callID) && x.id.Local == string(local) && x.id.Remote == string(remote) {
			return x
		}
	}
	return nil
}

// Replaces finds the dialog an INVITE wants to take over (RFC 3891 §3). code is
// 0 when there is no Replaces header or d was found; else it is the status to
// answer. The caller still has to authorise it. d may be on another lane.
func (t *Table) Replaces(m *sip.Message) (d *Dialog, code int) {
	switch n := m.Count(sip.HdrReplaces); {
	case n == 0:
		return nil, 0
	case n > 1 || m.Has(sip.HdrJoin):
		return nil, 400
	}
	r, ok := m.DialogOf(sip.HdrReplaces)
	if !ok {
		return nil, 400
	}
	d = t.Match(r.CallID, tag0(r.ToTag), tag0(r.FromTag))
	if d == nil || d.Pending() && d.State() == Early && len(d.usages) > 0 {
		return nil, 481
	}
	switch st := d.State(); {
	case st == Terminated:
		return nil, 603
	case st == Confirmed && r.EarlyOnly:
		return nil, 486
	case st == Early && d.called: // only what this side began may be taken over before it is answered
		return nil, 481
	}
	return d, 0
}

// tag0: "0" stands for the missing tag of RFC 2543 (RFC 3891 §6.1).
func tag0(tag []byte) []byte {
	if len(tag) == 1 && tag[0] == '0' {
		return nil
	}
	return tag
}
