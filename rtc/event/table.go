package event

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash/maphash"
	"sync"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// table finds the dialogs of subscriptions.
type table struct {
	seed maphash.Seed
	part [64]struct {
		mu sync.Mutex
		m  map[uint64]*leg
	}
}

func (t *table) init() {
	t.seed = maphash.MakeSeed()
	for i := range t.part {
		t.part[i].m = make(map[uint64]*leg)
	}
}

func (t *table) hash(callID, local, remote []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	h.Write(callID)
	h.WriteByte(0)
	h.Write(local)
	h.WriteByte(0)
	h.Write(remote)
	return h.Sum64()
}

func (t *table) find(callID, local, remote []byte) *leg {
	h := t.hash(callID, local, remote)
	p := &t.part[h%64]
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := p.m[h]; l != nil; l = l.chain {
		if l.callID == string(callID) && l.local == string(local) && l.remote == string(remote) {
			return l
		}
	}
	return nil
}

// enter adds a dialog; false when it is there already.
func (t *table) enter(l *leg) bool {
	h := t.hash([]byte(l.callID), []byte(l.local), []byte(l.remote))
	p := &t.part[h%64]
	p.mu.Lock()
	defer p.mu.Unlock()
	for x := p.m[h]; x != nil; x = x.chain {
		if x.callID == l.callID && x.local == l.local && x.remote == l.remote {
			return false
		}
	}
	l.chain = p.m[h]
	p.m[h] = l
	return true
}

func (t *table) remove(l *leg) {
	h := t.hash([]byte(l.callID), []byte(l.local), []byte(l.remote))
	p := &t.part[h%64]
	p.mu.Lock()
	defer p.mu.Unlock()
	var before *leg
	for x := p.m[h]; x != nil; before, x = x, x.chain {
		if x != l {
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
		return
	}
}

// A tag of ours is a hash of what stays the same when a SUBSCRIBE comes twice by
// different ways, so that the second is recognised as merged (RFC 3261
// §8.2.2.2), and a keyed check, by which a request in a dialog of ours is
// recognised when the dialog is not known any more.
const (
	tagUnique = 13
	tagCheck  = 8
)

const tagDigits = "0123456789abcdefghijklmnopqrstuv"

func appendTag(dst []byte, v uint64, digits int) []byte {
	for digits--; digits >= 0; digits-- {
		dst = append(dst, tagDigits[v>>(5*digits)&31])
	}
	return dst
}

func (n *Notifier) tagFor(m *sip.Message) string {
	tag := appendTag(make([]byte, 0, tagUnique+tagCheck), n.mac("tag", m.CallID(), m.FromTag(), m.Get(sip.HdrCSeq)), tagUnique)
	return string(appendTag(tag, n.mac("check", m.CallID(), tag), tagCheck))
}

// ours reports whether a tag was made here for this Call-ID, also before a restart.
func (n *Notifier) ours(callID, tag []byte) bool {
	if len(tag) != tagUnique+tagCheck {
		return false
	}
	var want [tagCheck]byte
	return subtle.ConstantTimeCompare(appendTag(want[:0], n.mac("check", callID, tag[:tagUnique]), tagCheck), tag[tagUnique:]) == 1
}

// mac is a keyed check over what it is for and texts. One pass of the hash does:
// of its result too little is shown to go on with it.
func (n *Notifier) mac(what string, texts ...[]byte) uint64 {
	var room [256]byte
	b := append(append(append(room[:0], n.cfg.Key...), 0), what...)
	for _, t := range texts {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(t))), t...)
	}
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// user is somebody who has subscriptions, and how many.
type user struct {
	aor rtc.AOR
	n   int
}

// users counts subscriptions by who has them.
type users struct {
	part [16]struct {
		mu sync.Mutex
		m  map[rtc.AOR]*user
	}
	seed maphash.Seed
}

func (u *users) init() {
	u.seed = maphash.MakeSeed()
	for i := range u.part {
		u.part[i].m = make(map[rtc.AOR]*user)
	}
}

// take counts one more for a user, unless he has most already (0 = any number).
func (u *users) take(aor rtc.AOR, most int) (*user, bool) {
	p := &u.part[maphash.String(u.seed, string(aor))%16]
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.m[aor]
	if one == nil {
		one = &user{aor: aor}
		p.m[aor] = one
	}
	if most > 0 && one.n >= most {
		return one, false
	}
	one.n++
	return one, true
}

func (u *users) release(one *user) {
	p := &u.part[maphash.String(u.seed, string(one.aor))%16]
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.n--; one.n == 0 {
		delete(p.m, one.aor)
	}
}
