package guard_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem/telephony/guard"
	"tandem/telephony/guard/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (guard.Store, func() guard.Store) {
		m := guard.NewMemory()
		return m, func() guard.Store { return m }
	})
}

var (
	alice = guard.Payer{User: "sip:alice@example.com", Groups: []string{"sales"}, Site: "berlin"}
	bob   = guard.Payer{User: "sip:bob@example.com", Groups: []string{"sales"}, Site: "berlin"}
)

func limited(t *testing.T, list ...guard.Limit) *guard.Guard {
	t.Helper()
	g := guard.New(guard.NewMemory(), []string{"international", "premium"})
	for _, l := range list {
		if err := g.Set(context.Background(), l); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func key(level guard.Level, name, kind string) guard.Key {
	return guard.Key{Level: level, Name: name, Kind: kind}
}

// begin begins calls until one is refused, and returns how many there were and
// why.
func begin(g *guard.Guard, p guard.Payer, kind string) (tolls []*guard.Toll, why string) {
	for range 100 {
		t := g.Toll(p, kind)
		if why = t.Begin("gw"); why != "" {
			return tolls, why
		}
		tolls = append(tolls, t)
	}
	return tolls, ""
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		limit guard.Limit
		bobs  int // calls of bob after alice's
		says  string
	}{
		{guard.Limit{Key: key(guard.User, alice.User, ""), Calls: 3}, 100, "outside calls of user sip:alice@example.com: 3 at a time"},
		{guard.Limit{Key: key(guard.Default, "", ""), Calls: 3}, 3, "outside calls of every user: 3 at a time"},
		{guard.Limit{Key: key(guard.Group, "sales", "international"), Calls: 3}, 0, "international calls of group sales: 3 at a time"},
		{guard.Limit{Key: key(guard.Site, "berlin", ""), Calls: 3}, 0, "site berlin"},
		{guard.Limit{Key: key(guard.Trunk, "gw", ""), Calls: 3}, 0, "trunk gw"},
		{guard.Limit{Key: key(guard.Default, "", ""), PerMinute: 3}, 3, "3 may begin in a minute"},
	} {
		g := limited(t, c.limit)
		tolls, why := begin(g, alice, "international")
		if len(tolls) != 3 || !strings.Contains(why, c.says) {
			t.Errorf("%+v: %d calls, then %q", c.limit, len(tolls), why)
		}
		if tolls, _ := begin(g, bob, "international"); len(tolls) != c.bobs {
			t.Errorf("%+v: %d calls of bob, want %d", c.limit, len(tolls), c.bobs)
		}
	}
	g := limited(t, guard.Limit{Key: key(guard.User, alice.User, "international"), Calls: 3})
	if tolls, _ := begin(g, alice, "national"); len(tolls) != 100 {
		t.Errorf("%d national calls under a limit of international ones", len(tolls))
	}
}

func TestTimeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(10 * time.Hour) // the bubble begins at midnight
		g := limited(t, guard.Limit{Key: key(guard.Default, "", ""), PerMinute: 6},
			guard.Limit{Key: key(guard.Default, "", "international"), MinutesDay: 10, Closed: []string{"22:00-06:00"}})
		if tolls, _ := begin(g, alice, "national"); len(tolls) != 6 {
			t.Errorf("%d calls at once", len(tolls))
		}
		time.Sleep(20 * time.Second)
		if tolls, _ := begin(g, alice, "national"); len(tolls) != 2 {
			t.Errorf("%d calls after 20 s", len(tolls))
		}
		time.Sleep(time.Minute)
		call := g.Toll(alice, "international")
		if why := call.Begin("gw"); why != "" {
			t.Fatal(why)
		}
		call.Answered("gw", func(string) {})
		time.Sleep(9 * time.Minute)
		other := g.Toll(alice, "international")
		if why := other.Begin("gw"); why != "" {
			t.Error(why)
		}
		other.End("gw")
		time.Sleep(2 * time.Minute)
		if why := g.Toll(alice, "international").Begin("gw"); !strings.Contains(why, "10 minutes a day") {
			t.Errorf("a call of 11 minutes goes on: %q", why)
		}
		call.End("gw")
		call.End("gw") // once is enough
		if u := g.Used(key(guard.Default, "", "international"), alice.User); u.Calls != 0 || int(u.Minutes) != 11 {
			t.Errorf("%+v", u)
		}
		time.Sleep(13 * time.Hour)
		if why := g.Toll(alice, "international").Begin("gw"); !strings.Contains(why, "at this hour") {
			t.Errorf("at night: %q", why)
		}
		time.Sleep(8 * time.Hour)
		if why := g.Toll(alice, "international").Begin("gw"); why != "" {
			t.Errorf("on the next day: %q", why)
		}
	})
}

// A call that is tried by several trunks is one.
func TestFailoverCountsOnce(t *testing.T) {
	g := limited(t, guard.Limit{Key: key(guard.User, alice.User, ""), PerMinute: 1, Calls: 1})
	call := g.Toll(alice, "national")
	for _, trunk := range []string{"a", "b", "c"} {
		if why := call.Begin(trunk); why != "" {
			t.Fatal(why)
		}
		call.End(trunk)
	}
	if why := g.Toll(alice, "national").Begin("a"); why == "" {
		t.Error("a second call begins within the minute")
	}
}

// Limits hold however many begin at once.
func TestRaces(t *testing.T) {
	g := limited(t, guard.Limit{Key: key(guard.Default, "", ""), Calls: 10})
	var now, most atomic.Int64
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			for range 20 {
				call := g.Toll(alice, "national")
				if call.Begin("gw") != "" {
					continue
				}
				if n := now.Add(1); n > most.Load() {
					most.Store(n)
				}
				now.Add(-1)
				call.End("gw")
			}
		})
	}
	wg.Wait()
	if most.Load() > 10 || g.Used(key(guard.Default, "", ""), alice.User).Calls != 0 {
		t.Errorf("%d at a time, %+v left", most.Load(), g.Used(key(guard.Default, "", ""), alice.User))
	}
}

func TestChanges(t *testing.T) {
	g := limited(t, guard.Limit{Key: key(guard.User, alice.User, ""), Calls: 1})
	for _, c := range []struct {
		limit guard.Limit
		says  string
	}{
		{guard.Limit{Key: key("planet", "x", ""), Calls: 1}, "use user, group, site, trunk or default"},
		{guard.Limit{Key: key(guard.User, "", ""), Calls: 1}, "have a name"},
		{guard.Limit{Key: key(guard.Default, "x", ""), Calls: 1}, "default has none"},
		{guard.Limit{Key: key(guard.Default, "", "lunar"), Calls: 1}, "use international, premium"},
		{guard.Limit{Key: key(guard.Default, "", "")}, "bounds nothing"},
		{guard.Limit{Key: key(guard.Default, "", ""), Closed: []string{"late"}}, "08:00-18:00"},
		{guard.Limit{Key: key(guard.Default, "", ""), Calls: -1}, "0 for no bound"},
	} {
		if err := g.Set(t.Context(), c.limit); !errors.Is(err, guard.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.limit, err, c.says)
		}
	}
	if err := g.Unset(t.Context(), key(guard.User, alice.User, "")); err != nil || len(g.Limits()) != 0 {
		t.Errorf("%v, %+v", err, g.Limits())
	}
	if err := g.Unset(t.Context(), key(guard.User, alice.User, "")); !errors.Is(err, guard.ErrUnknown) {
		t.Error(err)
	}
	if why := (*guard.Toll)(nil).Begin("gw"); why != "" {
		t.Error(why)
	}
}

// What was called before a limit was set counts, and so do calls that go on.
func TestLimitSetLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := limited(t)
		call := func() *guard.Toll {
			toll := g.Toll(alice, "national")
			if why := toll.Begin("gw"); why != "" {
				t.Fatal(why)
			}
			toll.Answered("gw", func(string) {})
			return toll
		}
		first := call()
		time.Sleep(10 * time.Minute)
		first.End("gw")
		call()
		time.Sleep(5 * time.Minute)
		g.Spent(alice, "national", "gw", 5*time.Minute)
		for _, k := range []guard.Key{key(guard.User, alice.User, ""), key(guard.Group, "sales", "premium"), key(guard.Trunk, "gw", ""), key(guard.Default, "", "")} {
			want := guard.Used{Calls: 1, Minutes: 20}
			if k.Kind != "" {
				want = guard.Used{}
			}
			if err := g.Set(t.Context(), guard.Limit{Key: k, MinutesDay: 20, Calls: 2}); err != nil {
				t.Fatal(err)
			}
			if used := g.Used(k, alice.User); used != want {
				t.Errorf("%+v: %+v, want %+v", k, used, want)
			}
			if k.Kind == "" {
				if why := g.Toll(alice, "national").Begin("gw"); !strings.Contains(why, "20 minutes a day") {
					t.Errorf("%+v: %q", k, why)
				}
			}
			if err := g.Unset(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Calls under way end at the moment when they have used up a limit of minutes, all of
// them, whatever came and went meanwhile. At midnight the day begins anew.
func TestMinutesAreUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(20 * time.Hour) // the bubble begins at midnight
		sales := key(guard.Group, "sales", "international")
		g := limited(t, guard.Limit{Key: sales, MinutesDay: 60}, guard.Limit{Key: key(guard.Default, "", ""), MinutesDay: 1000})
		begun := time.Now()
		var mu sync.Mutex
		var ended []string
		call := func(name string, p guard.Payer, kind string) *guard.Toll {
			toll := g.Toll(p, kind)
			if why := toll.Begin("gw"); why != "" {
				t.Fatal(why)
			}
			toll.Answered("gw", func(why string) {
				toll.End("gw")
				mu.Lock()
				defer mu.Unlock()
				ended = append(ended, name+" "+time.Since(begun).String()+" "+why)
			})
			return toll
		}
		const why = " international calls of group sales: 60 minutes a day"
		until := func(d time.Duration, want ...string) {
			t.Helper()
			time.Sleep(time.Until(begun.Add(d)))
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if slices.Sort(ended); !slices.Equal(ended, want) {
				t.Errorf("after %v: ended are %q, want %q", d, ended, want)
			}
			ended = nil
		}
		call("a", alice, "international")
		call("national", alice, "national")
		until(10 * time.Minute)
		b := call("b", bob, "international")
		until(20 * time.Minute) // 30 are used
		b.End("gw")
		until(30 * time.Minute) // 40
		call("c", bob, "international")
		until(40*time.Minute - time.Nanosecond)
		until(40*time.Minute, "a 40m0s"+why, "c 40m0s"+why)

		// a limit that is raised lets calls go on, one that is lowered ends them at once
		if err := g.Set(t.Context(), guard.Limit{Key: sales, MinutesDay: 90}); err != nil {
			t.Fatal(err)
		}
		call("d", alice, "international")
		until(50 * time.Minute) // 70
		if err := g.Set(t.Context(), guard.Limit{Key: sales, MinutesDay: 65}); err != nil {
			t.Fatal(err)
		}
		until(50*time.Minute, "d 50m0s international calls of group sales: 65 minutes a day")

		// over midnight, three hours and ten minutes on
		if err := g.Set(t.Context(), guard.Limit{Key: sales, MinutesDay: 100}); err != nil {
			t.Fatal(err)
		}
		until(3*time.Hour + 45*time.Minute)
		call("e", alice, "international") // 15 minutes of this day, 100 of the next
		until(4*time.Hour + 100*time.Minute - time.Nanosecond)
		until(4*time.Hour+100*time.Minute, "e 5h40m0s international calls of group sales: 100 minutes a day")

		// without the limit nothing ends
		if err := g.Unset(t.Context(), sales); err != nil {
			t.Fatal(err)
		}
		last := call("f", alice, "international")
		until(8 * time.Hour)
		last.End("gw")
	})
}
