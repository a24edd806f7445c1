package directory

import (
	"slices"

	"tandem/rtc"
)

// Standing is what a user's proof of before is worth now.
type Standing uint8

// The standings.
const (
	Stands   Standing = iota
	Outdated          // the password is another one, or the device was revoked
	ShutOut           // the user is disabled
	Nobody            // there is no such user
)

// Standing tells that of a user who proved who he is by a secret, see rtc.Identity; 0
// for somebody who was vouched for.
func (d *Directory) Standing(user rtc.AOR, secret int64) Standing {
	a := d.accounts.getString(string(user))
	switch {
	case a == nil:
		return Nobody
	case !a.Enabled:
		return ShutOut
	case secret != 0 && !slices.ContainsFunc(a.Secrets, func(s *Secret) bool { return s.created == secret }):
		return Outdated
	}
	return Stands
}

// Watch has f told of every change of a user there is: what he was and what he is, nil
// when he was deleted. f is called while no other change is made, and must make none.
// Watch is called before the first change.
func (d *Directory) Watch(f func(before, now *Account)) { d.watchers = append(d.watchers, f) }

func (d *Directory) tell(before, now *Account) {
	for _, f := range d.watchers {
		f(before, now)
	}
}
