package peers_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
)

// seer is a phone that shows the presence of a friend.
type seer interface {
	phones.Phone
	Sees(ctx context.Context, state string) error
	View() string
	Kill()
}

// venue is a server at which the show is played.
type venue struct {
	account func(name, watches string, publishes bool) phones.Account
	ready   func(watcher string)            // waits until it has been told something
	set     func(user, status string)       // sets a status by hand; nil: it cannot
	strict  bool                            // a view that does not come ends the test
	gone    string                          // how a watcher may show who is not there (regular expression)
	limit   func(step string) time.Duration // for a view to come
}

// show is two linphonec and two baresip at one server: one of each watches a
// linphonec, lin, which watches a baresip, bare.
type show struct {
	venue
	t     testing.TB
	lin   seer
	watch map[string]seer // by name: what they are, and whom they watch
	seen  []sight
}

// sight is what a watcher showed after a step, and when: of his own time, from the
// beginning of the step.
type sight struct {
	step, watcher, view string
	after               time.Duration // 0: it did not come
}

func (s *show) linphone(a phones.Account) seer {
	s.t.Helper()
	p, err := phones.StartLinphone(within(s.t), folder(s.t), a, tone(s.t, "alice"))
	must(s.t, "starting linphonec", err)
	s.t.Cleanup(func() { p.Close() })
	return p
}

func (s *show) baresip(a phones.Account) *phones.Baresip {
	s.t.Helper()
	p, err := phones.StartBaresip(within(s.t), folder(s.t), a, tone(s.t, "bob"))
	must(s.t, "starting baresip", err)
	s.t.Cleanup(func() { p.Close() })
	return p
}

// views are the states (regular expressions) that watchers are to show.
type views map[string]string

const (
	linSeesLin  = "linphonec of linphonec"
	bareSeesLin = "baresip of linphonec"
	linSeesBare = "linphonec of baresip"
)

// step does something and waits until the watchers show it.
func (s *show) step(name string, do func() error, want views) {
	s.t.Helper()
	begin := time.Now()
	must(s.t, name, do())
	var all sync.WaitGroup
	var mu sync.Mutex
	for watcher, view := range want {
		w := s.watch[watcher]
		all.Go(func() {
			ctx, cancel := context.WithTimeout(s.t.Context(), s.limit(name))
			defer cancel()
			err := w.Sees(ctx, view)
			x := sight{name, watcher, w.View(), time.Since(begin)}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				x.after = 0
				if s.strict {
					s.t.Errorf("%s: %s: %v", name, watcher, err)
				}
			}
			s.seen = append(s.seen, x)
		})
	}
	all.Wait()
	if s.t.Failed() {
		s.t.FailNow()
	}
}

// play plays the show.
func (s *show) play() {
	s.t.Helper()
	bare := s.account("bare", "", true)
	lin := s.account("lin", bare.AOR(), true)
	s.watch = map[string]seer{
		linSeesLin:  s.linphone(s.account("watcherlin", lin.AOR(), false)),
		bareSeesLin: s.baresip(s.account("watcherbare", lin.AOR(), false)),
	}
	for name, w := range s.watch {
		must(s.t, name+" registers", w.Registered(within(s.t)))
	}
	s.ready("watcherlin")
	s.ready("watcherbare")

	linStarts := func() error {
		s.lin = s.linphone(lin)
		s.watch[linSeesBare] = s.lin
		return nil
	}
	s.step("linphonec comes online", linStarts, views{linSeesLin: "Online", bareSeesLin: "Online"})
	must(s.t, "linphonec registers", s.lin.Registered(within(s.t)))
	var partner *phones.Baresip
	s.step("baresip comes online", func() error { partner = s.baresip(bare); return nil }, views{linSeesBare: "Online"})
	must(s.t, "baresip registers", partner.Registered(within(s.t)))

	s.step("they are in a call", func() error { return s.call(partner, lin.AOR()) },
		views{linSeesLin: "On the phone|Busy", bareSeesLin: "Busy", linSeesBare: "On the phone|Busy"})
	s.step("the call ends", partner.Hangup, views{linSeesLin: "Online", bareSeesLin: "Online", linSeesBare: "Online"})
	if s.set != nil {
		s.step("linphonec is set away", func() error { s.set("lin", "away"); return nil }, views{linSeesLin: "Away"})
		s.step("linphonec is set back", func() error { s.set("lin", "none"); return nil }, views{linSeesLin: "Online"})
	}
	s.step("baresip goes away", func() error { return partner.Present(false) }, views{linSeesBare: s.gone})
	s.step("baresip is back", func() error { return partner.Present(true) }, views{linSeesBare: "Online"})
	s.step("baresip is killed", func() error { partner.Kill(); return nil }, views{linSeesBare: s.gone})
	s.step("linphonec goes away", s.lin.Close, views{linSeesLin: s.gone, bareSeesLin: s.gone})
	s.step("linphonec is back", linStarts, views{linSeesLin: "Online", bareSeesLin: "Online"})
	must(s.t, "linphonec registers", s.lin.Registered(within(s.t)))
	s.step("linphonec is killed", func() error { s.lin.Kill(); return nil }, views{linSeesLin: s.gone, bareSeesLin: s.gone})
}

// call has the baresip call the linphonec, which answers.
func (s *show) call(partner *phones.Baresip, lin string) error {
	if err := partner.Dial(lin); err != nil {
		return err
	}
	if err := s.lin.Incoming(within(s.t)); err != nil {
		return err
	}
	return s.lin.Answer()
}

// table is what was seen, as Markdown.
func (s *show) table() string {
	var b strings.Builder
	for _, x := range s.seen {
		after := fmt.Sprintf("%.1f s", x.after.Seconds())
		if x.after == 0 {
			after = fmt.Sprintf("not in %.0f s", s.limit(x.step).Seconds())
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", x.step, x.watcher, x.view, after)
	}
	return b.String()
}

// atTandem is the server as a venue.
func atTandem(t testing.TB) venue {
	server := startServer(t, peers.Settings{AllCalls: true})
	explain(t, server, "lin")
	return venue{
		strict: true,
		gone:   "Offline",
		limit:  func(string) time.Duration { return moment },
		account: func(name, watches string, publishes bool) phones.Account {
			a, err := server.AddUser(within(t), name, phones.TCP)
			must(t, "adding "+name, err)
			a.Watches, a.Publishes = watches, publishes
			return a
		},
		ready: func(watcher string) {
			for ctx := within(t); ; time.Sleep(100 * time.Millisecond) {
				log, err := server.Messages(ctx, watcher)
				must(t, "reading messages", err)
				if strings.Contains(log, "NOTIFY ") {
					return
				}
			}
		},
		set: func(user, status string) {
			_, err := server.Tandem(within(t), "presence", "set", user, status)
			must(t, "setting a status", err)
		},
	}
}

// atKamailio is Kamailio with its presence modules as a venue: it only shows.
func atKamailio(t testing.TB) venue {
	k, err := peers.StartPresenceAgent(within(t), folder(t))
	must(t, "starting kamailio", err)
	t.Cleanup(func() { _ = k.Close() })
	return venue{
		gone:  "Offline|Unknown", // without a document baresip knows nothing
		ready: func(string) {},
		account: func(name, watches string, publishes bool) phones.Account {
			a := k.Account(name, phones.TCP)
			a.Watches, a.Publishes = watches, publishes
			return a
		},
		limit: func(step string) time.Duration {
			if strings.HasSuffix(step, "killed") {
				return 150 * time.Second // what it published ends after a minute
			}
			return 15 * time.Second
		},
	}
}

// A linphonec and a baresip come online, are in a call, go away, and are killed. Each
// watcher shows each of that within a moment.
func TestPresence(t *testing.T) {
	t.Parallel()
	s := &show{t: t, venue: atTandem(t)}
	s.play()
	t.Logf("what was seen:\n%s", s.table())
}

// BenchmarkPresence plays the same at the server and at Kamailio, and tells what the
// watchers saw and when: -bench Presence -benchtime 1x.
func BenchmarkPresence(b *testing.B) {
	for name, at := range map[string]func(testing.TB) venue{"tandem": atTandem, "kamailio": atKamailio} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s := &show{t: b, venue: at(b)}
				s.play()
				b.Logf("%s:\n%s", name, s.table())
			}
		})
	}
}
