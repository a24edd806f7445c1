package suite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tandem/interop/device"
)

// notDisturbed is what a phone sets, with a word for on or off.
const notDisturbed = `<?xml version="1.0" encoding="ISO-8859-1"?>
<SetDoNotDisturb xmlns="http://www.ecma-international.org/standards/ecma-323/csta/ed3"><device>%s</device><doNotDisturbOn>%t</doNotDisturbOn></SetDoNotDisturb>
`

// features has a phone say that its user does not want to be disturbed; a call to it is
// refused then, and does not ring. It takes that back.
func (b *bench) features(ctx context.Context, hero *device.Dialect) error {
	v, err := b.phone(ctx, "phone", hero)
	if err != nil {
		return err
	}
	const event, kind = "as-feature-event", "application/x-as-feature-event+xml"
	user := b.accounts["phone"].User
	told := func(on bool, body ...string) error {
		m, err := v.Subscribe(ctx, event, kind, body...)
		for err == nil && !strings.Contains(string(m.Body), fmt.Sprintf("<doNotDisturbOn>%t</doNotDisturbOn>", on)) {
			last := m.Body // of how it was before, or of a subscription before
			if m, err = v.Told(ctx); err != nil {
				err = fmt.Errorf("it should be told that do-not-disturb is %t, and is told %q: %w", on, last, err)
			}
		}
		return err
	}
	if err := told(false); err != nil {
		return err
	}
	if err := told(true, fmt.Sprintf(notDisturbed, user, true)); err != nil {
		return err
	}
	err = b.disturb(ctx)
	return errors.Join(err, told(false, fmt.Sprintf(notDisturbed, user, false)))
}

// disturb calls the phone, which does not want it.
func (b *bench) disturb(ctx context.Context) error {
	plain, err := device.Find("plain")
	if err != nil {
		return err
	}
	g, err := b.gatewayParty(ctx, plain, otherTone)
	if err != nil {
		return err
	}
	if err := g.Dial(ctx, b.uri("phone")); err != nil {
		return err
	}
	code, err := g.Ended(ctx)
	if err == nil && code < 400 {
		err = fmt.Errorf("who calls somebody who does not want to be disturbed is told %d", code)
	}
	return err
}
