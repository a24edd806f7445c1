package inventory

import (
	"context"
	"slices"

	"tandem/rtc"
	"tandem/sipphone"
)

// Login puts a user's line in the place of a phone's own lines, and takes it from
// the phones where the user was logged in before: those are returned, with their
// own lines back. Calls in progress go on, since nothing of them hangs on a
// registration.
func (v *Inventory) Login(ctx context.Context, mac sipphone.MAC, user rtc.AOR) (left []sipphone.MAC, err error) {
	if _, err := v.Get(mac); err != nil {
		return nil, err
	}
	for _, other := range v.Of(user) {
		p, err := v.Get(other)
		if err != nil || other == mac || len(p.Guest) == 0 || !has(p.Lines, user) {
			continue
		}
		if err := v.Logout(ctx, other); err != nil {
			return left, err
		}
		left = append(left, other)
	}
	_, err = v.Change(ctx, mac, func(p *sipphone.Phone) error {
		if len(p.Guest) == 0 {
			p.Guest = p.Lines
		}
		if len(p.Guest) == 0 {
			p.Guest = []sipphone.Line{{}} // it has none of its own; the empty one marks the guest
		}
		p.Lines = []sipphone.Line{{User: user}}
		return nil
	})
	return left, err
}

func has(lines []sipphone.Line, user rtc.AOR) bool {
	return slices.ContainsFunc(lines, func(l sipphone.Line) bool { return l.User == user })
}

// Logout gives a phone its own lines back.
func (v *Inventory) Logout(ctx context.Context, mac sipphone.MAC) error {
	_, err := v.Change(ctx, mac, func(p *sipphone.Phone) error {
		if len(p.Guest) > 0 {
			p.Lines = slices.DeleteFunc(p.Guest, func(l sipphone.Line) bool { return l.User == "" })
			p.Guest = nil
		}
		return nil
	})
	return err
}
