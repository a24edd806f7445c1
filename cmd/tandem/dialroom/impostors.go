package dialroom

import (
	"fmt"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/number"
	"tandem/telephony/routing"
)

// burst is for how long the calls that one user tries to make in other names are counted,
// and not told one by one: each would be an event and a row of the audit log, at the rate
// of whoever sends.
const burst = time.Minute

// maxBursts bounds for how many users at a time that is so; those beyond are counted as
// one.
const maxBursts = 1024

// impostors tells of the first call of a burst at once, and of the rest how many they
// were when it is over.
type impostors struct {
	tell func(routing.Refusal)

	mu     sync.Mutex
	bursts map[rtc.AOR]*attempts
}

// attempts are those of a burst after the first.
type attempts struct {
	more int
	last routing.Refusal
	over *time.Timer
}

// tried takes an attempt.
func (x *impostors) tried(r routing.Refusal) {
	if x.first(r) {
		x.tell(r)
	}
}

// first counts an attempt, and tells whether a burst begins with it.
func (x *impostors) first(r routing.Refusal) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	user := r.User
	if x.bursts[user] == nil && len(x.bursts) >= maxBursts {
		user = "" // all others
	}
	if b := x.bursts[user]; b != nil {
		b.more++
		b.last = r
		return false
	}
	if x.bursts == nil {
		x.bursts = make(map[rtc.AOR]*attempts)
	}
	x.bursts[user] = &attempts{over: time.AfterFunc(burst, func() { x.end(user) })}
	return true
}

// end tells what else came in a burst.
func (x *impostors) end(user rtc.AOR) {
	x.mu.Lock()
	b := x.bursts[user]
	delete(x.bursts, user)
	x.mu.Unlock()
	if b == nil || b.more == 0 {
		return
	}
	r := b.last
	r.Why += fmt.Sprintf("; %d such calls since the first was reported", b.more)
	x.tell(r)
}

// endAll ends all bursts before their time.
func (x *impostors) endAll() {
	x.mu.Lock()
	var users []rtc.AOR
	for user, b := range x.bursts {
		b.over.Stop()
		users = append(users, user)
	}
	x.mu.Unlock()
	for _, user := range users {
		x.end(user)
	}
}

// Impostor tells of a call that a user tries to make in somebody else's name, numbers
// read as the plan has it.
func (d *Room) Impostor(m *sip.Message, user rtc.AOR, plan *number.Plan) {
	uri, err := sip.ParseURI(m.RequestURI())
	if err != nil || m.Method() != sip.INVITE {
		return
	}
	from, _ := m.From()
	r := routing.Refusal{User: user, Dialled: routing.Dialled(uri), Why: "From is " + string(from.URI) + ", not the user who calls"}
	if n, err := plan.URI(uri); err == nil && n.Global() {
		r.Number = n.String()
	}
	d.impostors.tried(r)
}
