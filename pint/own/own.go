// Package own knows which telephone numbers users have proved to be theirs, besides
// those of the directory: PINT calls nobody back at a number of somebody else.
package own

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tandem/pint"
	"tandem/rtc"
)

// errTooMany says that a user has as many numbers as a user may.
var errTooMany = errors.New("the user has 100 numbers already: remove one first")

// most is how many numbers a user may have.
const most = 100

// Numbers is the working copy of what the store keeps.
type Numbers struct {
	store pint.Store

	mu   sync.RWMutex
	list map[rtc.AOR][]pint.OwnNumber
}

// New makes Numbers that know nothing. Load fills them.
func New(store pint.Store) *Numbers {
	return &Numbers{store: store, list: map[rtc.AOR][]pint.OwnNumber{}}
}

// Load reads all numbers from the store.
func (n *Numbers) Load(ctx context.Context) error { return n.store.Numbers(ctx, n.keep) }

func (n *Numbers) keep(o pint.OwnNumber) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list[o.User] = append(slices.DeleteFunc(n.list[o.User], func(x pint.OwnNumber) bool { return x.Number == o.Number }), o)
}

// Has reports whether a number, in E.164, is proved to be the user's.
func (n *Numbers) Has(user rtc.AOR, number string) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return slices.ContainsFunc(n.list[user], func(o pint.OwnNumber) bool { return o.Number == number })
}

// Owner is the only user whose number it is; false when it is nobody's, or that of
// several.
func (n *Numbers) Owner(number string) (user rtc.AOR, ok bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for u, own := range n.list {
		if !slices.ContainsFunc(own, func(o pint.OwnNumber) bool { return o.Number == number }) {
			continue
		}
		if ok {
			return "", false
		}
		user, ok = u, true
	}
	return user, ok
}

// Of are the numbers of a user, of all users when it is "", in order.
func (n *Numbers) Of(user rtc.AOR) (list []pint.OwnNumber) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for u, own := range n.list {
		if user == "" || u == user {
			list = append(list, own...)
		}
	}
	slices.SortFunc(list, func(a, b pint.OwnNumber) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Number, b.Number))
	})
	return list
}

// Add enters a number of a user; how says how it was proved.
func (n *Numbers) Add(ctx context.Context, user rtc.AOR, number, how string) (pint.OwnNumber, error) {
	o := pint.OwnNumber{User: user, Number: number, Since: time.Now().UTC().Truncate(time.Millisecond), How: how}
	if len(n.Of(user)) >= most && !n.Has(user, number) {
		return o, errTooMany
	}
	if err := n.store.PutNumber(ctx, o); err != nil {
		return o, err
	}
	n.keep(o)
	return o, nil
}

// Remove forgets a number of a user.
func (n *Numbers) Remove(ctx context.Context, user rtc.AOR, number string) error {
	if err := n.store.DeleteNumber(ctx, user, number); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list[user] = slices.DeleteFunc(n.list[user], func(x pint.OwnNumber) bool { return x.Number == number })
	return nil
}
