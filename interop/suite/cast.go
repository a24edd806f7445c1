package suite

import (
	"context"
	"net/netip"
	"slices"

	"tandem/interop/behaviour"
	"tandem/interop/device"
	"tandem/interop/story"
)

// The tones of the parties of a story, Hz.
const (
	heroTone  = 700
	otherTone = 440
	thirdTone = 1000
)

// Player is a telephone that somebody else made and that plays in stories as it is.
type Player struct {
	Name, Title string
	Missing     string // what it needs and is not here; "" when it can be started
	Browser     bool   // it speaks over a secure WebSocket
	// Start starts one that is registered. The second result ends it.
	Start func(ctx context.Context, s Seat) (story.Party, func(), error)
}

// Seat is what a Player is given.
type Seat struct {
	Account
	Domain string
	Server netip.AddrPort // over UDP, of browsers over a secure WebSocket
	Tone   float64        // that it is to say, Hz
}

// player is the one of a name.
func (t *Target) player(name string) (Player, bool) {
	i := slices.IndexFunc(t.Players, func(p Player) bool { return p.Name == name })
	if i < 0 {
		return Player{}, false
	}
	return t.Players[i], true
}

// absent says why the player of a row cannot be started, "" when nothing is in the way.
func (t *Target) absent(b *behaviour.Behaviour) string {
	for _, c := range b.Run {
		if c.Story != nil {
			p, _ := t.player(c.Story.Device)
			if p.Missing == "" && p.Browser && !t.WSS.IsValid() {
				return "the server has no address for browsers (--wss)"
			}
			return p.Missing
		}
	}
	return ""
}

// phone starts a phone, which registers.
func (b *bench) phone(ctx context.Context, who string, words *device.Dialect) (*device.Device, error) {
	p, err := b.actor(ctx, who)
	if err != nil {
		return nil, err
	}
	account := b.accounts[who]
	v := device.New(words, p.Endpoint, device.Identity{User: account.User, Password: account.Password, Domain: b.target.Domain}, b.target.patience())
	return v, v.Register(ctx)
}

// uri is what a device is called.
func (b *bench) uri(who string) string {
	if who == "gateway" {
		return "sip:" + b.gateway.Number + "@" + b.target.Domain
	}
	return "sip:" + b.accounts[who].User + "@" + b.target.Domain
}

// phoneParty starts a phone that plays in a story.
func (b *bench) phoneParty(ctx context.Context, who string, words *device.Dialect, tone float64) (story.Party, error) {
	v, err := b.phone(ctx, who, words)
	if err != nil {
		return nil, err
	}
	return device.NewParty(v, b.uri(who), tone, func(ctx context.Context) (*device.Device, error) {
		b.devices[who].Close()
		delete(b.devices, who)
		return b.phone(ctx, who, words)
	}), nil
}

// gatewayParty is a gateway that plays in a story.
func (b *bench) gatewayParty(ctx context.Context, words *device.Dialect, tone float64) (story.Party, error) {
	g, err := b.actor(ctx, "gateway")
	if err != nil {
		return nil, err
	}
	start := func(context.Context) (*device.Device, error) {
		g.Forget()
		return device.New(words, g.Endpoint, device.Identity{User: "36602", Domain: g.Local.Addr().String()}, b.target.patience()), nil
	}
	v, err := start(ctx)
	return device.NewParty(v, b.uri("gateway"), tone, start), err
}

// cast starts the devices of a story: the hero, by its words, and plain ones. A gateway
// plays from its own address unless it is registered.
func (b *bench) cast(ctx context.Context, hero *device.Dialect, third, registered bool) (c story.Cast, err error) {
	plain, err := device.Find("plain")
	if err != nil {
		return c, err
	}
	if isGateway(hero) && !registered {
		if c.Other, err = b.phoneParty(ctx, "phone", plain, otherTone); err == nil {
			c.Hero, err = b.gatewayParty(ctx, hero, heroTone)
		}
	} else {
		if c.Hero, err = b.phoneParty(ctx, "phone", hero, heroTone); err == nil {
			c.Other, err = b.gatewayParty(ctx, plain, otherTone)
		}
	}
	if err == nil && third {
		c.Third, err = b.phoneParty(ctx, "second", plain, thirdTone)
	}
	return c, err
}

// starring starts the devices of a story whose hero is a player.
func (b *bench) starring(ctx context.Context, p Player, third bool) (c story.Cast, end func(), err error) {
	plain, err := device.Find("plain")
	if err != nil {
		return c, nil, err
	}
	at := b.target.UDP
	if p.Browser {
		at = b.target.WSS
	}
	if c.Hero, end, err = p.Start(ctx, Seat{b.accounts["phone"], b.target.Domain, at, heroTone}); err != nil {
		return c, nil, err
	}
	if c.Other, err = b.gatewayParty(ctx, plain, otherTone); err == nil && third {
		c.Third, err = b.phoneParty(ctx, "second", plain, thirdTone)
	}
	if err != nil {
		end()
	}
	return c, end, err
}

// isPhone and the like say what stories fit a device.
func isPhone(d *device.Dialect) bool   { return d.Role == behaviour.Phone }
func isGateway(d *device.Dialect) bool { return d.Role != behaviour.Phone }
