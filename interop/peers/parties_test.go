package peers_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/interop/device"
	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/interop/story"
	"tandem/interop/wire"
)

// partyTones are what the three of a story say, Hz.
var partyTones = []float64{700, 440, 1000}

// party makes a user and who plays it in stories: a program by its name, diago, or
// else a simulated device of that dialect.
func party(t *testing.T, s *peers.Server, kind, name string, tone float64) story.Party {
	t.Helper()
	proto := map[string]phones.Proto{"baresip": phones.TCP, "jssip": phones.WSS}[kind]
	if proto == "" {
		proto = phones.UDP
	}
	a, err := s.AddUser(within(t), name, proto)
	must(t, "adding "+name, err)
	switch kind {
	case "baresip", "linphonec", "jssip":
		p, err := phones.StartParty(within(t), kind, folder(t), a, tone)
		must(t, "starting "+kind, err)
		t.Cleanup(func() { _ = p.Close() })
		return p
	case "diago":
		p, err := phones.StartDiago(within(t), a, tone)
		must(t, "starting diago", err)
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	return simulated(t, kind, a, tone)
}

// simulated is a simulated device.
func simulated(t *testing.T, kind string, a phones.Account, tone float64) story.Party {
	t.Helper()
	words, err := device.Find(kind)
	must(t, "finding "+kind, err)
	var end *wire.Endpoint
	again := func(ctx context.Context) (*device.Device, error) {
		if end != nil {
			end.Close()
		}
		var err error
		end, err = wire.Open(ctx, "udp", netip.MustParseAddr("127.0.0.1"), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(a.Port)), nil)
		if err != nil {
			return nil, err
		}
		v := device.New(words, end, device.Identity{User: a.User, Password: a.Password, Domain: a.Domain}, moment)
		return v, v.Register(ctx)
	}
	v, err := again(within(t))
	must(t, "registering "+kind, err)
	t.Cleanup(func() { end.Close() })
	return device.NewParty(v, a.AOR(), tone, again)
}

// TestStories plays every story by pairs of telephones of different make: simulated
// ones, programs, a browser and a library. What one has no means for is told by it;
// those excuses are noted here, so that none comes in by the way.
func TestStories(t *testing.T) {
	t.Parallel()
	for _, pair := range []struct{ hero, other, excused string }{
		{"polycom", "baresip", "hold held transfer fax-switch"},
		{"baresip", "linphonec", "hold held transfer-refused fax fax-switch"},
		{"diago", "linphonec", "transfer-refused fax fax-switch"},
		{"diago", "jssip", "keys transfer-refused fax fax-switch"},
		{"jssip", "snom", "keys transfer-refused fax fax-switch"},
		{"linphonec", "jssip", "keys transfer-refused fax fax-switch"},
		{"cisco-7960-2002", "diago", "fax-switch"},
	} {
		t.Run(pair.hero+" and "+pair.other, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, peers.Settings{AllCalls: true, Browsers: true})
			explain(t, s, "alice")
			c := story.Cast{Hero: party(t, s, pair.hero, "alice", partyTones[0]), Other: party(t, s, pair.other, "bob", partyTones[1]), Third: party(t, s, "plain", "carol", partyTones[2])}
			for _, told := range story.All {
				begun := time.Now()
				err := told.Play(t.Context(), c, moment)
				why, excused := story.Excuse(err)
				switch {
				case excused && !slices.Contains(strings.Fields(pair.excused), told.Name):
					t.Errorf("%s: %v", told.Name, err)
				case excused:
					t.Logf("%s: %s", told.Name, why)
				case err != nil:
					t.Errorf("%s: %v", told.Name, err)
					for _, p := range []story.Party{c.Hero, c.Other} {
						if x, ok := p.(*phones.Party); ok {
							t.Log(x.Transcript())
						}
					}
					return
				default:
					t.Logf("%s: passed in %v", told.Name, time.Since(begun).Round(10*time.Millisecond))
				}
			}
		})
	}
}
