package peers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
)

// Three trunks of equal weight, Kamailio with a gateway behind it and two sipp
// gateways. During 100 call set-ups Kamailio is killed and comes back, one gateway
// answers 503 with Retry-After for a while, and one goes silent. No caller sees a
// failure, and a trunk that is known to be dead is not tried.
func TestFailover(t *testing.T) {
	t.Parallel()
	behind := startSIPP(t)
	k := startKamailio(t, behind.Port)
	second, third := startSIPP(t), startSIPP(t)
	s := startServer(t, peers.Settings{Algorithms: []string{"MD5"}})
	for name, port := range map[string]int{"kamailio": k.Port, "second": second.Port, "third": third.Port} {
		must(t, "adding the trunk", s.AddTrunk(within(t), name, port))
	}
	alice, err := s.AddUser(within(t), "alice", phones.UDP)
	must(t, "adding alice", err)
	for _, name := range []string{"kamailio", "second", "third"} {
		wantState(t, s, name, "up")
	}

	const calls, rate = 100, 4
	callers := runCallers(t, alice, calls, rate)
	for _, name := range []string{"kamailio", "second", "third"} {
		callers.reach(s, name)
	}
	k.Kill()
	callers.find(s, "kamailio", "down")
	killed := time.Now()
	must(t, "having the second gateway refuse", second.Refuse())
	callers.find(s, "second", "down")
	refusing := time.Now()
	must(t, "starting kamailio again", k.Restart(within(t)))
	quiet(t, s, "kamailio", killed, time.Now())
	callers.find(s, "kamailio", "up")
	if err := third.Pause(); err != nil {
		t.Fatalf("having the third gateway stop: %v\n%s", err, third.Transcript())
	}
	callers.find(s, "third", "down")
	silent := time.Now()

	<-callers.ended
	t.Logf("%d calls: %+v", calls, callers.Counts)
	quiet(t, s, "third", silent, time.Now())
	quiet(t, s, "second", refusing, time.Now())
	must(t, "having the third gateway go on", third.Resume())
	if callers.err != nil {
		t.Error(callers.err)
	}
	if callers.Successful != calls || callers.Failed != 0 {
		t.Errorf("%+v, want all %d", callers.Counts, calls)
	}
	by := map[string]int{}
	for _, r := range records(t, s) {
		if r.State != "completed" || r.EndedBy != "caller" {
			t.Errorf("a call of %s is %s: %d %s, ended by %q, tried %+v", r.Started.Format("05.000"), r.State, r.Code, r.Text, r.EndedBy, r.Tried)
		}
		for _, try := range r.Tried {
			by[fmt.Sprint(try.Trunk, " ", try.Code)]++
		}
	}
	t.Logf("attempts by trunk and answer: %v", by)
}

// callers are calls under way, of a program of its own.
type callers struct {
	t     *testing.T
	ended chan struct{}
	peers.Counts
	err error
}

func runCallers(t *testing.T, a phones.Account, calls, rate int) *callers {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	c := &callers{t: t, ended: make(chan struct{})}
	dir := folder(t)
	go func() {
		defer close(c.ended)
		c.Counts, c.err = peers.RunCallers(ctx, dir, a, "+49301234567", calls, rate)
	}()
	t.Cleanup(func() { cancel(); <-c.ended })
	return c
}

// await waits until what is wanted is so. Callers that have come to grief, which trunks
// would never hear of, end the test and say why.
func (c *callers) await(wanted string, so func() (bool, string)) {
	c.t.Helper()
	for end := time.Now().Add(detected); ; time.Sleep(50 * time.Millisecond) {
		ok, is := so()
		if ok {
			return
		}
		select {
		case <-c.ended:
			if c.err != nil {
				c.t.Fatalf("the callers have ended: %+v, %v", c.Counts, c.err)
			}
		default:
		}
		if time.Now().After(end) {
			c.t.Fatalf("want %s, but %s", wanted, is)
		}
	}
}

// detected bounds how soon a server knows of a trunk that it neither calls nor asks more
// often than it must: 30 s until it asks, and three times it waits.
const detected = 90 * time.Second

// reach waits until a trunk has taken a call.
func (c *callers) reach(s *peers.Server, trunk string) {
	c.t.Helper()
	c.await("a call by "+trunk, func() (bool, string) {
		list := records(c.t, s)
		for _, r := range list {
			for _, try := range r.Tried {
				if try.Trunk == trunk && try.Code == 200 {
					return true, ""
				}
			}
		}
		return false, fmt.Sprintf("there were %d calls", len(list))
	})
}

// find waits until a trunk is in a state.
func (c *callers) find(s *peers.Server, trunk, state string) {
	c.t.Helper()
	c.await(trunk+" "+state, func() (bool, string) {
		is, why := stateOf(c.t, s, trunk)
		return is == state, "it is " + is + " (" + why + ")"
	})
}

type record struct {
	Started time.Time
	State   string
	Code    int
	Text    string
	EndedBy string `json:"ended_by"`
	Tried   []struct {
		Trunk string
		Code  int
		Began time.Time
	}
}

func records(t *testing.T, s *peers.Server) (list []record) {
	t.Helper()
	out, err := s.Tandem(within(t), "cdr", "list", "--limit", "500", "-o", "json")
	must(t, "listing records", err)
	must(t, "reading records", json.Unmarshal([]byte(out), &list))
	return list
}

// quiet wants no call to have tried a trunk in that time: it was known to be dead.
func quiet(t *testing.T, s *peers.Server, trunk string, from, to time.Time) {
	t.Helper()
	for _, r := range records(t, s) {
		for _, try := range r.Tried {
			if try.Trunk == trunk && try.Began.After(from) && try.Began.Before(to) {
				t.Errorf("%s was tried at %s, although it was known since %s to be dead", trunk, try.Began, from)
			}
		}
	}
}

// stateOf is how a trunk does, and why.
func stateOf(t *testing.T, s *peers.Server, trunk string) (state, why string) {
	t.Helper()
	out, err := s.Tandem(within(t), "trunks", "show", trunk, "--state", "-o", "json")
	must(t, "showing the trunk", err)
	var st struct{ State, Why string }
	must(t, "reading "+out, json.Unmarshal([]byte(out), &st))
	return st.State, st.Why
}

func wantState(t *testing.T, s *peers.Server, trunk, state string) {
	t.Helper()
	for end := time.Now().Add(moment); ; time.Sleep(50 * time.Millisecond) {
		is, why := stateOf(t, s, trunk)
		if is == state {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is %s (%s), want it %s", trunk, is, why, state)
		}
	}
}

func startSIPP(t *testing.T) *peers.SIPP {
	t.Helper()
	g, err := peers.StartGateway(within(t), folder(t), time.Minute)
	must(t, "starting a gateway", err)
	t.Cleanup(func() { _ = g.Close() })
	return g
}

func startKamailio(t *testing.T, next int) *peers.Balancer {
	t.Helper()
	k, err := peers.StartBalancer(within(t), folder(t), next)
	must(t, "starting kamailio", err)
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// A trunk of ten channels and 200 callers at once: the gateway never has an
// eleventh call.
func TestCapacity(t *testing.T) {
	t.Parallel()
	g := startSIPP(t)
	s := startServer(t, peers.Settings{Algorithms: []string{"MD5"}})
	_, err := s.Tandem(within(t), "trunks", "add", "berlin", "--address", "127.0.0.1:"+strconv.Itoa(g.Port), "--prefix", "+49", "--codec", "PCMU",
		"--channels", "10", "--probe", "off") // sipp would count an OPTIONS as a call
	must(t, "adding the trunk", err)
	alice, err := s.AddUser(within(t), "alice", phones.UDP)
	must(t, "adding alice", err)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	got, err := peers.RunCallers(ctx, folder(t), alice, "+49301234567", 200, 200)
	t.Logf("callers: %+v: %.3000v", got, err)
	most, total, err := g.Calls()
	must(t, "counting the calls at the gateway", err)
	t.Logf("the gateway had %d calls, %d at a time at most", total, most)
	if most > 10 || total < 10 || got.Successful != total {
		t.Errorf("the gateway had %d calls at a time, %d in all; %d callers got through", most, total, got.Successful)
	}
}
