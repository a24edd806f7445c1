package event

import (
	"hash/maphash"
	"sync"

	"tandem/rtc"
)

// user is somebody who has subscriptions, and how many.
type user struct {
	aor     rtc.AOR
	n       int
	members int // of his lists, see takeMember
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

// takeMember counts one more member of the lists of a user who has subscriptions, unless
// they have most already.
func (u *users) takeMember(one *user, most int) bool {
	p := &u.part[maphash.String(u.seed, string(one.aor))%16]
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.members >= most {
		return false
	}
	one.members++
	return true
}

func (u *users) releaseMember(one *user) {
	p := &u.part[maphash.String(u.seed, string(one.aor))%16]
	p.mu.Lock()
	defer p.mu.Unlock()
	one.members--
}

// has reports whether somebody has subscriptions.
func (u *users) has(aor rtc.AOR) bool {
	p := &u.part[maphash.String(u.seed, string(aor))%16]
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.m[aor] != nil
}

func (u *users) release(one *user) {
	p := &u.part[maphash.String(u.seed, string(one.aor))%16]
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.n--; one.n == 0 {
		delete(p.m, one.aor)
	}
}
