package presence

import (
	"hash/maphash"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/presence/pidf"
	"tandem/rtc/transport"
)

const shards = 64

// states holds what is known of users.
type states struct {
	seed  maphash.Seed
	shard [shards]struct {
		mu sync.Mutex
		m  map[rtc.AOR]*state
	}
}

// state is what is known of one user. Its shard guards it.
type state struct {
	published []*publication
	manual    Manual
	calendar  Manual
	seen      time.Time // when something of his ended that was online
}

// publication is a document that a device published. It never changes: a refresh puts
// another one in its place.
type publication struct {
	id    string // the constant part of its entity tags
	owner rtc.AOR
	doc   *pidf.Document
	body  []byte
	kind  string         // media type of body
	from  string         // user agent, for people
	flow  transport.Flow // none (IsZero): its connection ended with an earlier run of the server
	since time.Time      // of the document

	count uint64 // of the entity tag that counts now
	until time.Time
}

// Manual is a status that a user, an administrator or a calendar set.
type Manual struct {
	// Activity is an element of RFC 4480 §3.2 such as "away", "busy", "meeting";
	// "available" for none, "offline" to appear so; "" for no status.
	Activity string
	Note     string
	Until    time.Time // zero = until it is changed
}

// counts reports whether there is a status that has not ended.
func (m *Manual) counts(now time.Time) bool {
	return m.Activity != "" && (m.Until.IsZero() || m.Until.After(now))
}

func (s *states) init() {
	s.seed = maphash.MakeSeed()
	for i := range s.shard {
		s.shard[i].m = make(map[rtc.AOR]*state)
	}
}

// change runs f on the state of a user, under its lock, and forgets a state that
// says nothing.
func (s *states) change(aor rtc.AOR, f func(*state)) {
	p := &s.shard[maphash.String(s.seed, string(aor))%shards]
	p.mu.Lock()
	defer p.mu.Unlock()
	st := p.m[aor]
	if st == nil {
		st = &state{}
		p.m[aor] = st
	}
	f(st)
	if st.empty() {
		delete(p.m, aor)
	}
}

func (st *state) empty() bool {
	return len(st.published) == 0 && st.manual == (Manual{}) && st.calendar == (Manual{}) && st.seen.IsZero()
}

// look runs f on the state of a user, if there is one.
func (s *states) look(aor rtc.AOR, f func(*state)) {
	p := &s.shard[maphash.String(s.seed, string(aor))%shards]
	p.mu.Lock()
	defer p.mu.Unlock()
	if st := p.m[aor]; st != nil {
		f(st)
	}
}

// ended takes out what has ended by now.
func (s *states) ended(now time.Time) (gone []*publication, changed []rtc.AOR) {
	for i := range s.shard {
		p := &s.shard[i]
		p.mu.Lock()
		for aor, st := range p.m {
			was := len(gone)
			rest := st.published[:0:0]
			for _, pub := range st.published {
				if pub.until.After(now) {
					rest = append(rest, pub)
				} else {
					gone = append(gone, pub)
				}
			}
			over := false
			for _, m := range []*Manual{&st.manual, &st.calendar} {
				if m.Activity != "" && !m.counts(now) {
					*m, over = Manual{}, true
				}
			}
			if len(gone) > was {
				st.published = rest
			}
			if len(gone) > was || over {
				changed = append(changed, aor)
			}
			if st.empty() {
				delete(p.m, aor)
			}
		}
		p.mu.Unlock()
	}
	return gone, changed
}

// take takes out the publications that match.
func (s *states) take(match func(*publication) bool) (gone []*publication) {
	for i := range s.shard {
		p := &s.shard[i]
		p.mu.Lock()
		for aor, st := range p.m {
			var rest []*publication
			for _, pub := range st.published {
				if match(pub) {
					gone = append(gone, pub)
				} else {
					rest = append(rest, pub)
				}
			}
			if st.published = rest; st.empty() {
				delete(p.m, aor)
			}
		}
		p.mu.Unlock()
	}
	return gone
}
