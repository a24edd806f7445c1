package peers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"tandem/interop/peers"
)

// seer is a phone that shows the presence of a friend.
type seer interface {
	peers.Phone
	Sees(ctx context.Context, state string) error
	Kill()
}

// Two linphonec and two baresip: one of each is watched by one of each, comes
// online, is in a call, and is killed. How long each watcher took is
// logged.
func TestPresence(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{AllCalls: true})
	account := func(name, watches string, publishes bool) peers.Account {
		a, err := s.AddUser(within(t), name, peers.TCP)
		must(t, "adding "+name, err)
		a.Watches, a.Publishes = watches, publishes
		return a
	}
	watched := account("lin", "", true)
	lin, bare := account("watcherlin", watched.AOR(), false), account("watcherbare", watched.AOR(), false)
	partner := account("partner", "", true)
	explain(t, s, "lin")

	wl, err := peers.StartLinphone(within(t), folder(t), lin, tone(t, "a"))
	must(t, "starting linphonec", err)
	t.Cleanup(func() { wl.Close() })
	wb, err := peers.StartBaresip(within(t), folder(t), bare, tone(t, "b"))
	must(t, "starting baresip", err)
	t.Cleanup(func() { wb.Close() })
	must(t, "linphonec registers", wl.Registered(within(t)))
	must(t, "baresip registers", wb.Registered(within(t)))

	see := func(step string, states [2]string) {
		t.Helper()
		begin := time.Now()
		for i, w := range []seer{wl, wb} {
			if states[i] == "" {
				continue
			}
			must(t, step, w.Sees(within(t), states[i]))
			t.Logf("%s: %T shows %s after %s", step, w, states[i], time.Since(begin).Round(time.Millisecond))
		}
	}
	for _, name := range []string{"watcherlin", "watcherbare"} {
		for ctx := within(t); ; time.Sleep(100 * time.Millisecond) {
			log, err := s.Messages(ctx, name)
			must(t, "reading messages", err)
			if strings.Contains(log, "NOTIFY ") {
				break
			}
		}
	}
	l, err := peers.StartLinphone(within(t), folder(t), watched, tone(t, "c"))
	must(t, "starting linphonec", err)
	t.Cleanup(func() { l.Close() })
	see("comes online", [2]string{"Online", "Online"})

	b, err := peers.StartBaresip(within(t), folder(t), partner, tone(t, "d"))
	must(t, "starting baresip", err)
	t.Cleanup(func() { b.Close() })
	must(t, "baresip registers", b.Registered(within(t)))
	must(t, "dialling", b.Dial(watched.AOR()))
	must(t, "ringing", l.Incoming(within(t)))
	must(t, "answering", l.Answer())
	see("in a call", [2]string{"On the phone", "Busy"})
	must(t, "hanging up", b.Hangup())
	see("the call ends", [2]string{"Online", "Online"})
	l.Kill()
	see("killed", [2]string{"Offline", "Offline"})
}
