package event

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/event/lists"
	"tandem/rtc/sip"
)

// Rules that need time, each named after the section that has them.

// told waits for NOTIFYs, answers them, and returns when each came.
func (b *bench) told(d time.Duration) (at []time.Duration, last *sip.Message) {
	b.t.Helper()
	for begin := time.Now(); time.Since(begin) < d; {
		b.Sleep(100 * time.Millisecond)
		for _, m := range b.Got() {
			if string(m.MethodName()) != "NOTIFY" {
				b.t.Errorf("%s", m.Bytes())
				continue
			}
			at, last = append(at, time.Since(begin)), m
			b.Reply(m, 200, "", "")
		}
	}
	return at, last
}

// near says whether each time is at most so far from the one wanted.
func near(got []time.Duration, off time.Duration, want ...time.Duration) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if d := got[i] - want[i]; d < -off || d > off {
			return false
		}
	}
	return true
}

func TestRFC6446Section6MinRate(t *testing.T) {
	run(t, func(b *bench) {
		_, first := b.begin("Event: weather;min-rate=0.1")
		if s := get(first, "Subscription-State"); !strings.HasSuffix(s, ";min-rate=0.1") {
			t.Errorf("Subscription-State: %s", s)
		}
		if at, _ := b.told(35 * time.Second); !near(at, 2*time.Second, 10*time.Second, 20*time.Second, 30*time.Second) {
			t.Errorf("told after %v", at)
		}
	})
}

// Many changes let the subscriber be left alone for longer; after that the rate
// is the one he wants again.
func TestRFC6446Section7AdaptiveMinRate(t *testing.T) {
	run(t, func(b *bench) {
		_, first := b.begin("Event: weather;adaptive-min-rate=0.1")
		if s := get(first, "Subscription-State"); !strings.HasSuffix(s, ";adaptive-min-rate=0.1") {
			t.Errorf("Subscription-State: %s", s)
		}
		if at, _ := b.told(22 * time.Second); !near(at, 2*time.Second, 10*time.Second, 20*time.Second) {
			t.Errorf("at first told after %v", at)
		}
		for i := range 10 {
			b.board.set("sip:bob@pbx.test", fmt.Sprint(i))
			b.n.Changed("sip:bob@pbx.test", "weather")
			if at, _ := b.told(time.Second); len(at) != 1 {
				t.Errorf("change %d: told after %v", i, at)
			}
		}
		at, _ := b.told(100 * time.Second)
		if len(at) < 4 || at[0] < 15*time.Second || at[0] > 30*time.Second {
			t.Fatalf("after many changes told after %v", at)
		}
		if last := at[len(at)-1] - at[len(at)-2]; last > 14*time.Second {
			t.Errorf("in the end told every %v", last)
		}
	})
}

// A rate that would silence a subscription is the rate of its end.
func TestRFC6446Section53MaxRateWithinExpires(t *testing.T) {
	run(t, func(b *bench) {
		_, first := b.begin("Event: weather;max-rate=0.0001")
		if s := get(first, "Subscription-State"); !strings.Contains(s, ";max-rate=0.001667") {
			t.Errorf("Subscription-State: %s", s)
		}
	})
}

func TestRFC6446Section8Combinations(t *testing.T) {
	for event, want := range map[string]string{
		"max-rate=0.1;min-rate=1":                                  ";max-rate=0.1;min-rate=0.1",
		"max-rate=0.1;adaptive-min-rate=1":                         ";max-rate=0.1;adaptive-min-rate=0.1",
		"min-rate=1;adaptive-min-rate=0.1":                         ";adaptive-min-rate=0.1",
		"max-rate=0.5;min-rate=0.02;adaptive-min-rate=0.05":        ";max-rate=0.5;min-rate=0.02;adaptive-min-rate=0.05",
		"max-rate=nonsense;min-rate=-1;adaptive-min-rate=infinity": "",
	} {
		run(t, func(b *bench) {
			_, first := b.begin("Event: weather;" + event)
			if s := get(first, "Subscription-State"); s != "active;expires=600"+want {
				t.Errorf("%s: %s", event, s)
			}
		})
	}
}

// The answer to a NOTIFY may change the rate as well.
func TestRFC6446Section52RateIn2xx(t *testing.T) {
	run(t, func(b *bench) {
		b.ask()
		b.Reply(b.Want("200 SUBSCRIBE", "NOTIFY")[1], 200, "", "Event: weather;min-rate=0.2\r\n")
		if at, m := b.told(12 * time.Second); !near(at, 2*time.Second, 5*time.Second, 10*time.Second) || !strings.Contains(get(m, "Subscription-State"), "min-rate=0.2") {
			t.Errorf("told after %v", at)
		}
	})
}

// Who has the document is not shown it: the NOTIFY that makes a dialog has no body
// (§6.2), others are not sent (§6.3), until there is another document.
func TestRFC5839Section6Suppressed(t *testing.T) {
	run(t, func(b *bench) {
		_, first := b.begin()
		has := "Suppress-If-Match: " + get(first, "SIP-ETag")
		again := []string{"Call-ID: two", "From: <sip:alice@pbx.test>;tag=other"}
		ok, bare := b.begin(append(again, has)...)
		if len(bare.Body()) > 0 || bare.Has(sip.HdrContentType) || get(bare, "SIP-ETag") != get(first, "SIP-ETag") {
			t.Errorf("%s", bare.Bytes())
		}
		say := func(text string) {
			b.board.set("sip:bob@pbx.test", text)
			b.n.Changed("sip:bob@pbx.test", "weather")
		}
		say("rain")
		if at, m := b.told(time.Second); len(at) != 2 || string(m.Body()) != "rain" {
			t.Errorf("a change is told %d times", len(at))
		}
		in := append(append(again, in(ok)...), "Suppress-If-Match: *") // sleeps, from here on
		b.ask(in...)
		b.Want("204 SUBSCRIBE")
		say("snow")
		if at, m := b.told(time.Second); len(at) != 1 || string(m.CallID()) != "one" {
			t.Errorf("told %d times in its sleep", len(at))
		}
		b.stop()
		b.open()
		b.Sleep(200 * time.Millisecond)
		for _, m := range b.Want("NOTIFY", "NOTIFY") {
			if sleeps := string(m.CallID()) == "two"; sleeps != (len(m.Body()) == 0) {
				t.Errorf("after a restart\n%s", m.Bytes())
			}
			b.Reply(m, 200, "", "")
		}
		b.ask(in[:len(in)-1]...) // wakes
		m := b.Want("200 SUBSCRIBE", "NOTIFY")[1]
		if string(m.Body()) != "snow" {
			t.Errorf("%s", m.Bytes())
		}
		b.Reply(m, 200, "", "")
		in[len(in)-1] = "Suppress-If-Match: " + get(m, "SIP-ETag")
		b.ask(append(in, "Expires: 0")...)
		b.Want("204 SUBSCRIBE")
		b.Sleep(time.Second)
		b.Want()
		if n := b.n.Active(); n != 1 {
			t.Errorf("%d subscriptions", n)
		}
	})
}

// The same SUBSCRIBE that comes by another way is no second subscription.
func TestRFC3261Section8222Merged(t *testing.T) {
	run(t, func(b *bench) {
		b.begin("CSeq: 1 SUBSCRIBE")
		b.ask("CSeq: 1 SUBSCRIBE") // in another transaction
		b.Want("482 SUBSCRIBE")
		if n := b.n.Active(); n != 1 {
			t.Errorf("%d subscriptions", n)
		}
	})
}

// Who is told to go may subscribe again at once, elsewhere; here no more.
func TestRFC6665Section442Drain(t *testing.T) {
	run(t, func(b *bench) {
		b.begin()
		left := make(chan int)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			left <- b.n.Drain(ctx)
		}()
		b.Sleep(200 * time.Millisecond)
		m := b.Want("NOTIFY")[0]
		if s := get(m, "Subscription-State"); s != "terminated;reason=deactivated;expires=0" {
			t.Errorf("Subscription-State: %s", s)
		}
		b.Reply(m, 200, "", "")
		if n := <-left; n != 0 {
			t.Errorf("%d are left", n)
		}
		again := []string{"Call-ID: two", "From: <sip:alice@pbx.test>;tag=other"}
		b.ask(again...)
		if m := b.Want("503 SUBSCRIBE")[0]; get(m, "Retry-After") == "" {
			t.Errorf("%s", m.Bytes())
		}
		b.stop()
		b.store = NewMemory() // another server
		b.open()
		b.begin(again...)
		b.stop()
		b.open()
		b.Sleep(200 * time.Millisecond)
		b.Want("NOTIFY") // that subscription is the only one there is
	})
}

// A draining server does not wait longer than it may for those who do not answer.
func TestRFC6665Section442DrainUnanswered(t *testing.T) {
	run(t, func(b *bench) {
		b.begin()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if n := b.n.Drain(ctx); n != 1 {
			t.Errorf("%d are left", n)
		}
		b.Got()
	})
}

func TestRFC6665Section413Probation(t *testing.T) {
	run(t, func(b *bench) {
		b.begin()
		b.n.EndAll("sip:bob@pbx.test", "weather", "probation")
		b.Sleep(200 * time.Millisecond)
		if s := get(b.Want("NOTIFY")[0], "Subscription-State"); s != "terminated;reason=probation;expires=0;retry-after=60" {
			t.Errorf("Subscription-State: %s", s)
		}
	})
}

// Nobody has decided about a subscriber when his time is over.
func TestRFC6665Section413Giveup(t *testing.T) {
	run(t, func(b *bench) {
		b.board.view["sip:alice@pbx.test"] = Grant{Pending: true, View: "hidden"}
		var told []string
		b.n.Watch(func(c Change) { told = append(told, c.Event) })
		b.begin("Expires: 60")
		at, m := b.told(62 * time.Second)
		if len(at) != 1 || get(m, "Subscription-State") != "terminated;reason=giveup;expires=0" || len(m.Body()) > 0 {
			t.Errorf("told after %v: %s", at, m.Bytes())
		}
		if fmt.Sprint(told) != "[subscribe giveup]" || b.n.Active() != 0 {
			t.Errorf("told %v, %d active", told, b.n.Active())
		}
	})
}

// What was subscribed to is no more.
func TestRFC6665Section413Noresource(t *testing.T) {
	run(t, func(b *bench) {
		b.begin()
		b.n.EndAll("sip:bob@pbx.test", "weather", "noresource")
		b.Sleep(200 * time.Millisecond)
		m := b.Want("NOTIFY")[0]
		if s := get(m, "Subscription-State"); s != "terminated;reason=noresource;expires=0" || len(m.Body()) > 0 {
			t.Errorf("%s", m.Bytes())
		}
	})
}

// A subscriber who never answers is told twice, each with its repetitions, and holds
// nobody up.
func TestRFC6665Section422NeverAnswers(t *testing.T) {
	run(t, func(b *bench) {
		b.begin("Call-ID: lives", "From: <sip:carol@pbx.test>;tag=carol")
		b.ask()
		seqs := map[uint32]bool{}
		lives := ""
		for i := range 100 {
			b.board.set("sip:bob@pbx.test", fmt.Sprint("change ", i))
			b.n.Changed("sip:bob@pbx.test", "weather")
			b.Sleep(time.Second)
			for _, m := range b.Got() {
				switch seq, _ := m.CSeq(); {
				case string(m.MethodName()) != "NOTIFY":
				case string(m.CallID()) == "lives":
					lives = string(m.Body())
					b.Reply(m, 200, "", "")
				default:
					seqs[seq] = true
				}
			}
			if want := fmt.Sprint("change ", i); lives != want {
				t.Fatalf("who answers has %q, want %q", lives, want)
			}
		}
		if len(seqs) != tries || b.n.Active() != 1 || b.n.Stats().Lost != 1 {
			t.Errorf("%d NOTIFYs, %d active, %+v", len(seqs), b.n.Active(), b.n.Stats())
		}
	})
}

// After a storm of changes nobody has a stale state, however the NOTIFYs fared.
func TestStormLeavesNobodyStale(t *testing.T) {
	run(t, func(b *bench) {
		const watchers = 5
		state := map[string]string{}
		answers := 0
		take := func() {
			for _, m := range b.Got() {
				if string(m.MethodName()) != "NOTIFY" {
					continue
				}
				if answers++; answers%7 == 0 {
					continue // lost, with those that repeat it
				}
				if answers%5 == 0 {
					b.Reply(m, 503, "", "Retry-After: 2\r\n")
					continue
				}
				state[string(m.CallID())] = string(m.Body())
				b.Reply(m, 200, "", "")
			}
		}
		for i := range watchers {
			b.ask(fmt.Sprint("Call-ID: w", i), "Expires: 3600")
			take()
		}
		for i := range 40 {
			b.board.set("sip:bob@pbx.test", fmt.Sprint("change ", i))
			b.n.Changed("sip:bob@pbx.test", "weather")
			if i%3 == 0 {
				b.Sleep(50 * time.Millisecond)
				take()
			}
		}
		for range 120 {
			b.Sleep(500 * time.Millisecond)
			take()
		}
		if len(state) != watchers {
			t.Errorf("%d were told", len(state))
		}
		for id, s := range state {
			if s != "change 39" {
				t.Errorf("%s has %q", id, s)
			}
		}
	}, func(c *Config) { c.PerUser = 100 })
}

// kept is a list that is kept elsewhere.
type shelf struct{ members []lists.Entry }

func (s *shelf) Known(address rtc.AOR, pkg string, _ rtc.AOR) bool {
	return address == "sip:friends@pbx.test" && s.members != nil
}
func (s *shelf) Members(context.Context, rtc.AOR, rtc.AOR) ([]lists.Entry, error) {
	return s.members, nil
}

// A look at a list shows the states, in as many pieces as it takes, and leaves nothing.
func TestRFC4662FetchOfAList(t *testing.T) {
	s := &shelf{members: []lists.Entry{{URI: "sip:bob@pbx.test"}, {URI: "sip:carol@pbx.test", Name: "Carol"}}}
	run(t, func(b *bench) {
		b.board.set("sip:bob@pbx.test", strings.Repeat("sunny ", 10_000)) // fills a piece
		b.ask("SUBSCRIBE sip:friends@pbx.test SIP/2.0", "To: <sip:friends@pbx.test>", "Supported: eventlist", "Expires: 0")
		m := b.Want("200 SUBSCRIBE", "NOTIFY")
		b.Reply(m[1], 200, "", "")
		second := b.Want("NOTIFY")[0]
		b.Reply(second, 200, "", "")
		last := b.Want("NOTIFY")[0]
		b.Reply(last, 200, "", "")
		if !strings.Contains(string(m[1].Body()), `fullState="true"`) || !strings.Contains(string(second.Body()), "sunny") || !strings.Contains(string(last.Body()), "rain") ||
			!strings.HasPrefix(get(m[1], "Subscription-State"), "active;") || !strings.HasPrefix(get(last, "Subscription-State"), "terminated;reason=timeout") {
			t.Errorf("%s\n%s", m[1].Bytes(), last.Bytes())
		}
		b.Sleep(time.Second)
		b.Want()
		if b.n.Active() != 0 || len(b.n.List(10, func(*Subscription) bool { return true })) != 0 {
			t.Error("something stays")
		}
	}, func(c *Config) { c.Lists = s })
}

// Somebody in a list whom the watcher may not see appears when he may.
func TestListMemberAllowedLater(t *testing.T) {
	s := &shelf{members: []lists.Entry{{URI: "sip:bob@pbx.test"}}}
	run(t, func(b *bench) {
		b.board.deny["sip:alice@pbx.test"] = errDenied
		b.begin("SUBSCRIBE sip:friends@pbx.test SIP/2.0", "To: <sip:friends@pbx.test>", "Supported: eventlist")
		b.told(time.Second)
		delete(b.board.deny, "sip:alice@pbx.test")
		b.n.Reauthorise("sip:bob@pbx.test", "weather")
		if _, m := b.told(time.Second); m == nil || !strings.Contains(string(m.Body()), "sunny") {
			t.Fatalf("not told")
		}
		b.board.deny["sip:alice@pbx.test"] = errDenied
		b.n.Reauthorise("sip:bob@pbx.test", "weather")
		if _, m := b.told(time.Second); m == nil || !strings.Contains(string(m.Body()), `state="terminated" reason="rejected"`) || strings.Contains(string(m.Body()), "sunny") {
			t.Fatalf("not told")
		}
	}, func(c *Config) { c.Lists = s })
}

// A list of a thousand is told in pieces that fit the transport: first who is in
// it, then all states.
func TestRFC4662ListOfAThousand(t *testing.T) {
	s := &shelf{}
	for i := range 1000 {
		s.members = append(s.members, lists.Entry{URI: fmt.Sprintf("sip:member%d@pbx.test", i)})
	}
	run(t, func(b *bench) {
		for i := range 1000 {
			b.board.set(rtc.AOR(fmt.Sprintf("sip:member%d@pbx.test", i)), strings.Repeat("x", 300))
		}
		b.ask("SUBSCRIBE sip:friends@pbx.test SIP/2.0", "To: <sip:friends@pbx.test>", "Supported: eventlist")
		told, pieces := map[string]bool{}, 0
		for all := b.Want("200 SUBSCRIBE", "NOTIFY")[1:]; len(all) > 0; all = b.Got() {
			for _, m := range all {
				body := string(m.Body())
				if pieces++; len(body) > 64<<10 && pieces > 1 {
					t.Errorf("piece %d has %d octets", pieces, len(body))
				}
				if whole := strings.Contains(body, `fullState="true"`); whole != (pieces == 1) || whole && strings.Count(body, "<resource ") != 1000 {
					t.Errorf("piece %d is whole: %t", pieces, whole)
				}
				if want := fmt.Sprintf(`version="%d"`, pieces-1); !strings.Contains(body, want) {
					t.Errorf("piece %d is not %s", pieces, want)
				}
				for id := range strings.SplitSeq(body, `state="active" cid="`) {
					if at := strings.IndexByte(id, '@'); at > 0 && at < 5 {
						told[id[:at]] = true
					}
				}
				b.Reply(m, 200, "", "")
			}
		}
		if len(told) != 1000 || pieces < 5 || pieces > 40 {
			t.Errorf("%d members told in %d pieces", len(told), pieces)
		}
	}, func(c *Config) { c.Lists = s })
}
