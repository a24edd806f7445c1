package phoneroom

import (
	"net/netip"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/sipphone"
)

// guessing reports an address that asks for the files of others.
func (r *Room) guessing(from netip.Addr, until time.Time) {
	r.guessers.Add(1)
	r.c.Log.Warn("an address requested the files of many phones and is blocked", "peer", from, "until", until)
	r.c.State.Tell("phone.guessing", op.Resource("phones", "guessers", from.String()), access.Read("phones"), func() any {
		return map[string]any{"from": from.String(), "until": until}
	})
}

// phoneTwice reports a second device with the MAC of a phone: one of them is not it.
func (r *Room) phoneTwice(mac sipphone.MAC, first, second netip.Addr) {
	r.c.Log.Warn("second device with the MAC of a phone", "mac", mac, "first", first, "peer", second)
	r.c.State.Tell("phone.twice", op.Resource("phones", string(mac)), access.Read("phones"), func() any {
		return map[string]any{"mac": mac.Colons(), "first": first.String(), "second": second.String()}
	})
}
