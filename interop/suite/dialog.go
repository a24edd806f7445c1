package suite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tandem/interop/behaviour"
	"tandem/interop/wire"
)

// dialog is what a device needs to send within one (RFC 3261 §12), as the
// simplest of devices keeps it.
type dialog struct {
	call         string
	local, other string // values of From and To of our requests
	target       string
	routes       []string // values of Route
}

// calling makes the dialog of the device's INVITE by a response to it.
func (d *actor) calling(m *wire.Message) {
	to := m.Get("To")
	if _, tagged := wire.Param(to, "tag"); !tagged || m.Get("Contact") == "" {
		return
	}
	routes := m.Values("Record-Route")
	slices.Reverse(routes)
	for len(routes) > 0 && strings.Contains(routes[0], d.Local.String()) {
		routes = routes[1:] // a proxy of the device's own side takes these away
	}
	d.dialog = &dialog{call: m.Get("Call-ID"), local: m.Get("From"), other: to, target: wire.URI(m.Get("Contact")), routes: routes}
}

// called makes the dialog of an INVITE the device has answered with a tag.
func (d *actor) called(m *wire.Message) {
	d.dialog = &dialog{call: m.Get("Call-ID"), local: d.tagged(m.Get("To")), other: m.Get("From"),
		target: wire.URI(m.Get("Contact")), routes: m.Values("Record-Route")}
}

// tagged is a To with the device's tag.
func (d *actor) tagged(to string) string {
	if _, ok := wire.Param(to, "tag"); ok {
		return to
	}
	return to + ";tag=" + d.tag
}

// place is the Request-URI and the Route lines of a request in the dialog. A
// strict router puts the first route into the Request-URI and the target behind
// the others (RFC 2543 §6.29).
func (g *dialog) place(strict bool) (uri string, lines []string, err error) {
	routes, uri := g.routes, g.target
	if strict {
		if len(routes) == 0 {
			return "", nil, fmt.Errorf("there is no Record-Route, so strict routing cannot be tried")
		}
		routes, uri = append(slices.Clone(routes[1:]), "<"+g.target+">"), wire.URI(routes[0])
	}
	for _, r := range routes {
		lines = append(lines, "Route: "+r)
	}
	return uri, lines, nil
}

// leave hangs up the calls that a case has left, so that the accounts and numbers are
// free for the next one. What the server makes of it is no matter of the case.
func (b *bench) leave(ctx context.Context) {
	for _, d := range b.order {
		if d.dialog == nil || d.requests["BYE"] != nil || d.sent != nil && d.sent.Method() == "BYE" {
			continue
		}
		if err := b.send(ctx, d, &behaviour.Request{Method: "BYE", Dialog: true}, ""); err != nil {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, time.Second)
		_, _ = d.Next(limited, func(m *wire.Message) bool { return !m.IsRequest() && m.Method() == "BYE" })
		cancel()
	}
}
