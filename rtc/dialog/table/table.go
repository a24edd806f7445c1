// Package table finds dialogs by their IDs, from any goroutine: those of calls
// (rtc/dialog) and those of subscriptions (rtc/event).
package table

import (
	"hash/maphash"
	"slices"
	"sync"
)

const parts = 64

// Table finds dialogs of type E by Call-ID and tags (RFC 3261 §12).
type Table[E comparable] struct {
	id   func(E) (callID, local, remote string)
	seed maphash.Seed
	part [parts]part[E]
}

type part[E comparable] struct {
	mu sync.RWMutex
	// Guarded by mu:
	m    map[uint64]E
	more map[uint64][]E // others of the same hash, which are as good as never there
}

// New makes an empty table; id is the ID of a dialog, which never changes.
func New[E comparable](id func(E) (callID, local, remote string)) *Table[E] {
	t := &Table[E]{id: id, seed: maphash.MakeSeed()}
	for i := range t.part {
		t.part[i].m = make(map[uint64]E)
	}
	return t
}

func (t *Table[E]) hash(callID, local, remote []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	h.Write(callID)
	h.WriteByte(0)
	h.Write(local)
	h.WriteByte(0)
	h.Write(remote)
	return h.Sum64()
}

func (t *Table[E]) hashOf(e E) uint64 {
	callID, local, remote := t.id(e)
	return t.hash([]byte(callID), []byte(local), []byte(remote))
}

func (t *Table[E]) is(e E, callID, local, remote []byte) bool {
	c, l, r := t.id(e)
	return c == string(callID) && l == string(local) && r == string(remote)
}

// find returns a dialog of a part that is locked.
func (t *Table[E]) find(p *part[E], h uint64, callID, local, remote []byte) (e E, ok bool) {
	if e, ok = p.m[h]; ok && t.is(e, callID, local, remote) {
		return e, true
	}
	for _, e := range p.more[h] {
		if t.is(e, callID, local, remote) {
			return e, true
		}
	}
	var none E
	return none, false
}

// Find returns the dialog of an ID, the zero E when there is none. It does not
// allocate.
func (t *Table[E]) Find(callID, local, remote []byte) E {
	h := t.hash(callID, local, remote)
	p := &t.part[h%parts]
	p.mu.RLock()
	defer p.mu.RUnlock()
	e, _ := t.find(p, h, callID, local, remote)
	return e
}

// Enter adds a dialog; false when one of its ID is there already.
func (t *Table[E]) Enter(e E) bool {
	callID, local, remote := t.id(e)
	c, l, r := []byte(callID), []byte(local), []byte(remote)
	h := t.hash(c, l, r)
	p := &t.part[h%parts]
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := t.find(p, h, c, l, r); known {
		return false
	}
	if _, taken := p.m[h]; !taken {
		p.m[h] = e
		return true
	}
	if p.more == nil {
		p.more = make(map[uint64][]E)
	}
	p.more[h] = append(p.more[h], e)
	return true
}

// Remove forgets a dialog; false when it is not there.
func (t *Table[E]) Remove(e E) bool {
	h := t.hashOf(e)
	p := &t.part[h%parts]
	p.mu.Lock()
	defer p.mu.Unlock()
	return t.removeAt(p, h, e)
}

// removeAt forgets a dialog of a part that is locked.
func (t *Table[E]) removeAt(p *part[E], h uint64, e E) bool {
	rest := p.more[h]
	if x, ok := p.m[h]; ok && x == e {
		if len(rest) == 0 {
			delete(p.m, h)
			return true
		}
		p.m[h], e = rest[0], rest[0]
	}
	i := slices.Index(rest, e)
	if i < 0 {
		return false
	}
	if rest = slices.Delete(rest, i, i+1); len(rest) > 0 {
		p.more[h] = rest
	} else {
		delete(p.more, h)
	}
	return true
}
