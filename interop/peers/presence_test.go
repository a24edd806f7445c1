package peers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
)

// seer is a phone that shows the presence of a friend.
type seer interface {
	phones.Phone
	Sees(ctx context.Context, state string) error
	Kill()
}

// show is two linphonec and two baresip at one server: one of each watches a
// linphonec, which watches a baresip.
type show struct {
	t       *testing.T
	watch   map[string]seer // by what they are
	watched seer            // the linphonec
	partner seer            // the baresip
	account func(name, watches string, publishes bool) phones.Account
}

func (s *show) linphone(a phones.Account, sound string) seer {
	s.t.Helper()
	p, err := phones.StartLinphone(within(s.t), folder(s.t), a, tone(s.t, sound))
	must(s.t, "starting linphonec", err)
	s.t.Cleanup(func() { p.Close() })
	return p
}

func (s *show) baresip(a phones.Account, sound string) seer {
	s.t.Helper()
	p, err := phones.StartBaresip(within(s.t), folder(s.t), a, tone(s.t, sound))
	must(s.t, "starting baresip", err)
	s.t.Cleanup(func() { p.Close() })
	return p
}

// begin starts the watchers, who see nobody, and accounts for the others.
func (s *show) begin() (watched, partner phones.Account) {
	s.t.Helper()
	partner = s.account("partner", "", true)
	watched = s.account("lin", partner.AOR(), true)
	s.watch = map[string]seer{
		"linphonec": s.linphone(s.account("watcherlin", watched.AOR(), false), "a"),
		"baresip":   s.baresip(s.account("watcherbare", watched.AOR(), false), "b"),
	}
	for name, w := range s.watch {
		must(s.t, name+" registers", w.Registered(within(s.t)))
	}
	return watched, partner
}

// see waits until the watchers show the linphonec in a state.
func (s *show) see(step string, states map[string]string) {
	s.t.Helper()
	begin := time.Now()
	for name, state := range states {
		must(s.t, step, s.watch[name].Sees(within(s.t), state))
		s.t.Logf("%s: %s shows %s after %s", step, name, state, time.Since(begin).Round(time.Millisecond))
	}
}

func both(linphonec, baresip string) map[string]string {
	return map[string]string{"linphonec": linphonec, "baresip": baresip}
}

// call has the baresip call the linphonec.
func (s *show) call(partner, watched phones.Account) {
	s.t.Helper()
	s.partner = s.baresip(partner, "d")
	must(s.t, "baresip registers", s.partner.Registered(within(s.t)))
	must(s.t, "dialling", s.partner.Dial(watched.AOR()))
	must(s.t, "ringing", s.watched.Incoming(within(s.t)))
	must(s.t, "answering", s.watched.Answer())
}

// A linphonec comes online, is in a call with a baresip that it watches, is away,
// and is killed, and so is the baresip. How long each watcher took is logged.
func TestPresence(t *testing.T) {
	t.Parallel()
	server := startServer(t, peers.Settings{AllCalls: true})
	explain(t, server, "lin")
	s := &show{t: t, account: func(name, watches string, publishes bool) phones.Account {
		a, err := server.AddUser(within(t), name, phones.TCP)
		must(t, "adding "+name, err)
		a.Watches, a.Publishes = watches, publishes
		return a
	}}
	watched, partner := s.begin()
	for _, name := range []string{"watcherlin", "watcherbare"} {
		for ctx := within(t); ; time.Sleep(100 * time.Millisecond) {
			log, err := server.Messages(ctx, name)
			must(t, "reading messages", err)
			if strings.Contains(log, "NOTIFY ") {
				break
			}
		}
	}
	s.watched = s.linphone(watched, "c")
	s.see("comes online", both("Online", "Online"))
	s.call(partner, watched)
	s.see("in a call", both("On the phone", "Busy"))
	must(t, "linphonec sees baresip online", s.watched.Sees(within(t), "Online"))
	must(t, "hanging up", s.partner.Hangup())
	s.see("the call ends", both("Online", "Online"))
	if _, err := server.Tandem(within(t), "presence", "set", "lin", "away"); err != nil {
		t.Fatal(err)
	}
	s.see("is away", map[string]string{"linphonec": "Away"})
	if _, err := server.Tandem(within(t), "presence", "set", "lin", "none"); err != nil {
		t.Fatal(err)
	}
	s.see("is back", map[string]string{"linphonec": "Online"})
	s.partner.Kill()
	must(t, "linphonec sees baresip offline", s.watched.Sees(within(t), "Offline"))
	s.watched.Kill()
	s.see("killed", both("Offline", "Offline"))
}
