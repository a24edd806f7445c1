package suite

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"tandem/interop/behaviour"
	"tandem/interop/report"
	"tandem/interop/story"
	"tandem/interop/wire"
)

// A browser plays where the server serves browsers, and is not run elsewhere.
func TestBrowsersPlayOverWSS(t *testing.T) {
	wss := netip.MustParseAddrPort("127.0.0.1:8443")
	var seat Seat
	p := Player{Name: "page", Title: "A page", Browser: true, Start: func(_ context.Context, s Seat) (story.Party, func(), error) {
		seat = s
		return nil, nil, errors.New("started")
	}}
	rows := PlayerStories([]Player{p})[:1]
	for _, at := range []netip.AddrPort{{}, wss} {
		seat = Seat{}
		target := &Target{Domain: "d", UDP: registrar(t, func(h []string) []string { return h }), Accounts: []Account{{"u", "p"}}, Players: []Player{p},
			WSS: at, Has: []behaviour.Feature{behaviour.Calls}, Trusted: wss, Gateways: []Gateway{{Endpoint: gatewayEnd(t), Number: "+4930"}}}
		results, err := Run(t.Context(), target, rows, Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := results[0]
		switch {
		case !at.IsValid() && (r.Outcome != report.NotRun || !strings.Contains(r.Why, "--wss")):
			t.Errorf("without an address for browsers: %s, %s", r.Outcome, r.Why)
		case at.IsValid() && (r.Outcome != report.Failed || seat.Server != wss):
			t.Errorf("the browser was given %v: %s, %s", seat.Server, r.Outcome, r.Fault())
		}
	}
}

func gatewayEnd(t *testing.T) *wire.Endpoint {
	t.Helper()
	e, err := wire.Listen(netip.MustParseAddrPort("127.0.0.1:0"), netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}
