package inventory

import (
	"context"
	"slices"

	"tandem/rtc"
	"tandem/sipphone"
)

// GuestAt returns the phones where a user is logged in.
func (v *Inventory) GuestAt(user rtc.AOR) (list []sipphone.MAC) {
	for _, mac := range v.Of(user) {
		p, err := v.Get(mac)
		if err == nil && len(p.Guest) > 0 && slices.ContainsFunc(p.Lines, func(l sipphone.Line) bool { return l.User == user }) {
			list = append(list, mac)
		}
	}
	return list
}

// Login puts a user's line in the place of a phone's own lines, and takes it from
// the phones where the user was logged in before, which get their own back. Calls
// in progress go on, since nothing of them hangs on a registration.
func (v *Inventory) Login(ctx context.Context, mac sipphone.MAC, user rtc.AOR) error {
	if _, err := v.Get(mac); err != nil {
		return err
	}
	for _, other := range v.GuestAt(user) {
		if other == mac {
			continue
		}
		if err := v.Logout(ctx, other); err != nil {
			return err
		}
	}
	_, err := v.Change(ctx, mac, func(p *sipphone.Phone) error {
		if len(p.Guest) == 0 {
			p.Guest = p.Lines
		}
		if len(p.Guest) == 0 {
			p.Guest = []sipphone.Line{{}} // it has none of its own; the empty one marks the guest
		}
		p.Lines = []sipphone.Line{{User: user}}
		return nil
	})
	return err
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
