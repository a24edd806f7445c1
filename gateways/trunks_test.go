package gateways

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tandem/gateways/dialect"
	"tandem/rtc"
)

func newTrunks(t testing.TB, list ...Trunk) *Trunks {
	t.Helper()
	s := New(NewMemory(), slog.New(slog.DiscardHandler))
	if err := s.Add(context.Background(), list...); err != nil {
		t.Fatal(err)
	}
	return s
}

// at is a trunk at an address of its own.
func at(name string, set func(*Trunk)) Trunk {
	t := Trunk{Name: name, Addresses: []string{"sip:" + name + ".example.com"}}
	set(&t)
	return t
}

func serves(prefixes ...string) func(*Trunk) {
	return func(t *Trunk) { t.Prefixes = prefixes }
}

func chosen(s *Trunks, number string) string {
	var names []string
	for t := range s.Table().Choose(number) {
		names = append(names, t.Name)
	}
	return strings.Join(names, " ")
}

func TestChoice(t *testing.T) {
	s := newTrunks(t,
		at("all", serves("*")),
		at("world", serves("+")),
		at("de", serves("+49", "+")),
		at("berlin", serves("+4930")),
		at("second", func(t *Trunk) { t.Prefixes, t.Priority = []string{"+4930"}, 1 }),
		at("off", func(t *Trunk) { t.Prefixes, t.Disabled = []string{"+4930"}, true }),
		at("in-only", func(t *Trunk) { t.Numbers = []string{"+4930*"} }),
	)
	for _, c := range []struct{ number, want string }{
		{"+49301234567", "berlin second de world all"},
		{"+4930", "berlin second de world all"},
		{"+4989123", "de world all"},
		{"*21", "all"},
		{"030123", "all"},
		{"", ""},
	} {
		if got := chosen(s, c.number); got != c.want {
			t.Errorf("%s: %s, want %s", c.number, got, c.want)
		}
	}
	if got := chosen(s, "+1212"); got != "world de all" && got != "de world all" {
		t.Errorf("two of one prefix: %s", got)
	}
}

// TestHoursAndCost: a trunk outside its hours is passed over, and among those of one
// priority the cheapest comes first.
func TestHoursAndCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trunk := func(cost float64, hours ...string) func(*Trunk) {
			return func(t *Trunk) { t.Prefixes, t.Cost, t.Hours = []string{"+49"}, cost, hours }
		}
		s := newTrunks(t, at("dear", trunk(0.05)), at("cheap", trunk(0.01, "mon-fri 08:00-18:00")), at("usual", trunk(0.02)))
		for day, want := range map[time.Weekday]string{time.Saturday: "usual dear", time.Monday: "cheap usual dear"} {
			for now := time.Now(); now.Weekday() != day || now.Hour() != 12; now = time.Now() {
				time.Sleep(time.Hour)
			}
			if got := chosen(s, "+4930123456"); got != want {
				t.Errorf("on %s at noon: %s, want %s", day, got, want)
			}
		}
	})
}

// TestStateBeforePrefix: a trunk that is down is tried when nothing else is
// left, one that is degraded after those that are up.
func TestStateBeforePrefix(t *testing.T) {
	s := newTrunks(t, at("berlin", serves("+4930")), at("de", serves("+49")), at("world", serves("+")))
	table := s.Table()
	table.ByName("berlin").live.set(&table.ByName("berlin").live.health, Down)
	table.ByName("de").live.set(&table.ByName("de").live.health, Degraded)
	if got := chosen(s, "+49301"); got != "world de berlin" {
		t.Error(got)
	}
	table.ByName("world").live.set(&table.ByName("world").live.admin, Disabled)
	if got := chosen(s, "+49301"); got != "de berlin" {
		t.Error(got)
	}
}

// Among many trunks that share calls, too, each change of a state counts for the next
// call, and the shares are those of the ones that are well.
func TestStatesOfMany(t *testing.T) {
	var list []Trunk
	for i := range 5 * few {
		list = append(list, at(fmt.Sprintf("t%02d", i), func(t *Trunk) { t.Prefixes, t.Weight = []string{"+"}, 1+2*(i%2) }))
	}
	s := newTrunks(t, list...)
	all := s.Table().All()
	first := func() *Trunk {
		for t := range s.Table().Choose("+49301") {
			return t
		}
		return nil
	}
	for _, trunk := range all {
		trunk.live.set(&trunk.live.health, Down)
	}
	for _, well := range all {
		well.live.set(&well.live.health, Up)
		if got := first(); got != well {
			t.Errorf("%s is taken, want %s", got.Name, well.Name)
		}
		well.live.set(&well.live.health, Degraded)
		if got := first(); got.State() != Degraded {
			t.Errorf("%s is taken, which is %s", got.Name, got.State())
		}
	}
	const calls = 4000
	n := 0 // that went to the one of three times the weight
	for _, t := range all[:2] {
		t.live.set(&t.live.health, Up)
	}
	for range calls {
		switch first() {
		case all[1]:
			n++
		case all[0]:
		default:
			t.Fatal("a trunk that is degraded comes before those that are up")
		}
	}
	if n < calls*70/100 || n > calls*80/100 {
		t.Errorf("%d of %d calls, want three quarters", n, calls)
	}
}

func TestWeight(t *testing.T) {
	s := newTrunks(t,
		at("one", func(t *Trunk) { t.Prefixes, t.Weight = []string{"+"}, 1 }),
		at("three", func(t *Trunk) { t.Prefixes, t.Weight = []string{"+"}, 3 }),
		at("default", serves("+")))
	table := *s.Table()
	first := map[string]int{}
	for at := range 5 { // every outcome of chance once
		table.random = func(n int) int { return at % n }
		for trunk := range table.Choose("+1") {
			first[trunk.Name]++
			break
		}
		var all []string
		for trunk := range table.Choose("+1") {
			all = append(all, trunk.Name)
		}
		slices.Sort(all)
		if strings.Join(all, " ") != "default one three" {
			t.Errorf("each once: %v", all)
		}
	}
	if first["one"] != 1 || first["three"] != 3 || first["default"] != 1 {
		t.Errorf("shares %v, want 1, 3 and 1", first)
	}
}

func TestManyTriesEnd(t *testing.T) {
	s := New(NewMemory(), slog.New(slog.DiscardHandler))
	for i := range 2 * maxTries {
		if err := s.Add(context.Background(), at(fmt.Sprint("t", i), serves("+"))); err != nil {
			t.Fatal(err)
		}
	}
	names := strings.Fields(chosen(s, "+1"))
	slices.Sort(names)
	if len(slices.Compact(names)) != maxTries {
		t.Errorf("%d trunks", len(names))
	}
}

// TestRemovedTrunkLeavesAtOnce: also for a call that is choosing already.
func TestRemovedTrunkLeavesAtOnce(t *testing.T) {
	ctx := context.Background()
	s := newTrunks(t, at("a", serves("+49")), at("b", serves("+")), at("c", serves("*")))
	var got []string
	for trunk := range s.Table().Choose("+49") {
		got = append(got, trunk.Name)
		if err := errors.Join(s.Remove(ctx, "a"), s.Change(ctx, "b", func(t *Trunk) error { t.Disabled = true; return nil })); err != nil && trunk.Name == "a" {
			t.Fatal(err)
		}
		if trunk.Name == "a" && trunk.Seize(Out) {
			t.Error("a channel of a removed trunk")
		}
	}
	if strings.Join(got, " ") != "a c" {
		t.Error(got)
	}
	if s.Table().ByName("a") != nil || s.Table().ByName("b").State() != Disabled {
		t.Error("they are there still")
	}
}

func TestOwns(t *testing.T) {
	s := newTrunks(t,
		at("block", func(t *Trunk) { t.Numbers = []string{"+49 30 1234*"} }),
		at("inner", func(t *Trunk) { t.Numbers = []string{"+49301234567*"} }),
		at("one", func(t *Trunk) { t.Numbers = []string{"+49 (30) 1234-5678", "+4930999"} }),
		at("other", func(t *Trunk) { t.Numbers = []string{"+4930999"} }),
		at("none", serves("*")))
	for _, c := range []struct{ number, want string }{
		{"+49301234", "block"}, {"+49301234000", "block"}, {"+493012345678", "block inner one"}, {"+4930123456789", "block inner"},
		{"+4930999", "one other"}, {"+49309990", ""}, {"+49301234*", "block"}, {"", ""}, {"+" + strings.Repeat("4", 200), ""},
	} {
		var got []string
		for _, trunk := range s.Table().All() {
			if len(trunk.Numbers) > 0 && trunk.Owns(c.number) {
				got = append(got, trunk.Name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.number, got, c.want)
		}
	}
	if one := s.Table().ByName("one"); one.Owns("+4930998") || !s.Table().ByName("none").Owns("+1") {
		t.Error("owned by whom it should not, or not by whom it should")
	}
}

func TestNumberForms(t *testing.T) {
	s := newTrunks(t, Trunk{Name: "gw", Addresses: []string{"192.0.2.10:5070", "sip:gw.example.com;transport=tcp", "sip:[2001:db8::1];user=ip"},
		Manner: dialect.Manner{Format: dialect.FormatDigits}, Out: []Rule{{Match: "+49", Strip: 3, Add: "0"}, {Match: "+4", Add: "9"}}, In: []Rule{{Match: "0", Strip: 1, Add: "+49"}, {Add: "+"}}})
	gw := s.Table().ByName("gw")
	digits := &Trunk{Manner: dialect.Manner{Format: dialect.FormatDigits}}
	for _, c := range [][2]string{
		{gw.URI(0, "+49301"), "sip:0301@192.0.2.10:5070;user=phone"},
		{gw.URI(1, "+4130"), "sip:9+4130@gw.example.com;transport=tcp;user=phone"},
		{gw.URI(2, "+1212"), "sip:1212@[2001:db8::1];user=ip"},
		{(&Trunk{Addresses: gw.Addresses, Manner: dialect.Manner{UserPhone: dialect.Off}}).URI(0, "+49301"), "sip:+49301@192.0.2.10:5070"},
		{gw.Form("+49301"), "49301"},
		{gw.Received("030123"), "+4930123"},
		{gw.Received("4930123"), "+4930123"},
		{digits.Received("4930123456;npdi"), "+4930123456;npdi"},
		{digits.Received("+4930123456"), "+4930123456"},
		{digits.Caller("030123456"), "030123456"},
		{digits.Caller("1234567"), "1234567"},
		{digits.Caller("anonymous"), "anonymous"},
	} {
		if c[0] != c[1] {
			t.Errorf("%s, want %s", c[0], c[1])
		}
	}
}

// A gateway's own trunk groups (RFC 4904) tell its trunks apart, in both directions, and
// no gateway speaks for another.
func TestTrunkGroups(t *testing.T) {
	group := func(name string) func(*Trunk) { return func(t *Trunk) { t.TrunkGroup = name } }
	first, second := at("first", group("tg1@gw.example.net")), at("second", group("tg2@gw.example.net"))
	second.Addresses = first.Addresses
	other := at("other", group("tg3@gw.example.net"))
	s := newTrunks(t, first, second, other)
	one := s.Table().ByName("first")
	if uri := one.URI(0, "+4930123"); !strings.HasPrefix(uri, "sip:+4930123;tgrp=tg1;trunk-context=gw.example.net@") {
		t.Errorf("it is called as %s", uri)
	}
	for label, want := range map[string]string{"tg1": "first", "TG2": "second", "tg3": "first", "tg4": "first"} {
		if got := s.Table().Of(one, label, "GW.example.net").Name; got != want {
			t.Errorf("a call that names %s is of %s, want %s", label, got, want)
		}
	}
	if got := s.Table().Of(one, "tg2", "elsewhere.example").Name; got != "first" {
		t.Errorf("a group of elsewhere is %s's", got)
	}
}

func TestChecksSayTheRemedy(t *testing.T) {
	s := newTrunks(t, at("there", serves("+")))
	for _, c := range []struct {
		says string
		set  func(*Trunk)
	}{
		{"1 to 64 of the characters", func(t *Trunk) { t.Name = "Berlin Gateway" }},
		{"change it with set", func(t *Trunk) { t.Name = "there" }},
		{"give 1 to 64", func(t *Trunk) { t.Addresses = nil }},
		{"leave out the user", func(t *Trunk) { t.Addresses = []string{"sip:gw@192.0.2.1"} }},
		{"write a SIP URI", func(t *Trunk) { t.Addresses = []string{"sip:"} }},
		{"transport is udp", func(t *Trunk) { t.Addresses = []string{"gw.example.com;transport=sctp"} }},
		{"twice", func(t *Trunk) { t.Addresses = []string{"gw.example.com", "sip:gw.example.com"} }},
		{"is everybody", func(t *Trunk) { t.Sources = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")} }},
		{"without wildcard", func(t *Trunk) { t.TLSNames = []string{"*.example.com"} }},
		{"give both or neither", func(t *Trunk) { t.Digest.Secret = "x" }},
		{"a block with * at its end", func(t *Trunk) { t.Numbers = []string{"030123"} }},
		{"a block with * at its end", func(t *Trunk) { t.Numbers = []string{"+*"} }},
		{"or * for all", serves("+49x")},
		{"or * for all", serves("")},
		{"or * for all", serves(strings.Repeat("4", 40))},
		{"LABEL@CONTEXT", func(t *Trunk) { t.TrunkGroup = "tg1" }},
		{"LABEL@CONTEXT", func(t *Trunk) { t.TrunkGroup = "tg1;x=y@gw.example.com" }},
		{"the lowest first", func(t *Trunk) { t.Priority = -1 }},
		{"0 to 65535", func(t *Trunk) { t.Weight = 1 << 20 }},
		{"no limit", func(t *Trunk) { t.Channels = -1 }},
		{"use e164, digits", func(t *Trunk) { t.Format = "E.164" }},
		{"use pai, rpid, from", func(t *Trunk) { t.CallerID = "clip" }},
		{"use off, prefer, require", func(t *Trunk) { t.Media = "srtp" }},
		{"write the beginning of a number", func(t *Trunk) { t.Out = []Rule{{Match: "x"}} }},
		{"how many characters", func(t *Trunk) { t.In = []Rule{{Strip: -1}} }},
		{"use options, off", func(t *Trunk) { t.Probe = "ping" }},
		{"use PCMA, PCMU", func(t *Trunk) { t.Codecs = []string{"G711"} }},
		{"PCMA stands there twice", func(t *Trunk) { t.Codecs = []string{"alaw", "PCMA"} }},
	} {
		bad := at("bad", c.set)
		err := s.Add(context.Background(), bad)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), bad.Name) {
			t.Errorf("%v, want %q", err, c.says)
		}
		if err != nil && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrExists) {
			t.Errorf("%v is of no kind", err)
		}
	}
	if n := len(s.Table().All()); n != 1 {
		t.Errorf("%d trunks are there", n)
	}
	many := make([]string, MaxPrefixes+1)
	for i := range many {
		many[i] = fmt.Sprintf("+%d", 1000000+i)
	}
	if err := s.Add(context.Background(), at("many", serves(many...))); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
	if err := s.Remove(context.Background(), "nobody"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

// failing is a Store whose disk is gone.
type failing struct{ *Memory }

var errDisk = errors.New("disk is gone")

func (f *failing) PutTrunks(context.Context, []Trunk) error  { return errDisk }
func (f *failing) DeleteTrunk(context.Context, string) error { return errDisk }

func TestMemoryFollowsTheStore(t *testing.T) {
	ctx := context.Background()
	store := &failing{NewMemory()}
	if err := store.Memory.PutTrunks(ctx, []Trunk{at("a", serves("+")), {Name: "broken"}}); err != nil {
		t.Fatal(err)
	}
	s := New(store, slog.New(slog.DiscardHandler))
	var told []int
	s.Watch(func(t *Table) { told = append(told, len(t.All())) })
	if err := s.Load(ctx); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		s.Add(ctx, at("b", serves("+"))), s.Remove(ctx, "a"),
		s.Change(ctx, "a", func(t *Trunk) error { t.Prefixes[0] = "+1"; return nil }),
	} {
		if !errors.Is(err, errDisk) {
			t.Error(err)
		}
	}
	if got := chosen(s, "+49"); got != "a" || !slices.Equal(told, []int{1}) {
		t.Errorf("%s; told %v", got, told)
	}
}

// TestChannelsHold: 200 callers at once, ten channels, and changes of the trunk
// meanwhile.
func TestChannelsHold(t *testing.T) {
	s := newTrunks(t, at("gw", func(t *Trunk) { t.Prefixes, t.Channels = []string{"+"}, 10 }))
	callers := func(call func(gw *Trunk)) {
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				if i%50 == 0 {
					if err := s.Change(context.Background(), "gw", func(t *Trunk) error { t.Note = fmt.Sprint(i); return nil }); err != nil {
						t.Error(err)
					}
				}
				for gw := range s.Table().Choose("+1") {
					if gw.Seize(Out) {
						call(gw)
					}
				}
			})
		}
		wg.Wait()
	}
	var kept, now atomic.Int64
	callers(func(*Trunk) { kept.Add(1) })
	gw := s.Table().ByName("gw")
	if kept.Load() != 10 || gw.Calls() != 10 || gw.Seize(Out) {
		t.Fatalf("%d calls, counted as %d", kept.Load(), gw.Calls())
	}
	for range 10 {
		gw.Release(Out)
	}
	callers(func(gw *Trunk) {
		if n := now.Add(1); n > 10 {
			t.Errorf("%d calls at once", n)
		}
		now.Add(-1)
		gw.Release(Out)
	})
	if gw.Calls() != 0 || !gw.Seize(Out) {
		t.Errorf("%d calls are left", gw.Calls())
	}
}

func TestPeers(t *testing.T) {
	s := newTrunks(t,
		Trunk{Name: "a", Addresses: []string{"GW.example.com", "sip:192.0.2.1:5070;transport=tcp", "sip:[2001:DB8::1]:5061;transport=tls"}, TLSNames: []string{"GW.Example.com."}},
		Trunk{Name: "b", Addresses: []string{"sip:gw.example.net;maddr=192.0.2.9"}, Sources: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/24")}},
		Trunk{Name: "off", Addresses: []string{"192.0.2.7"}, TLSNames: []string{"x"}, Disabled: true})
	want := []string{
		"a [gw.example.com 192.0.2.1:5070 [2001:db8::1]:5061] true [] [gw.example.com]",
		"b [gw.example.net 192.0.2.9] false [198.51.100.0/24] []",
		"off [192.0.2.7] false [] []",
	}
	for i, p := range s.Table().Peers() {
		if s := fmt.Sprint(p.Name+" ", p.Hosts, p.Inbound, p.Sources, p.TLSNames); s != want[i] || !p.Gateway || p.Rights != rtc.Asserts {
			t.Errorf("%s, want %s", s, want[i])
		}
	}
}

func TestSecretDoesNotShow(t *testing.T) {
	trunk := at("a", func(t *Trunk) { t.Digest = Digest{User: "u", Secret: "hush"} })
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("trunk", "digest", trunk.Digest, "secret", trunk.Digest.Secret)
	for _, text := range []string{log.String(), fmt.Sprintf("%v %+v %#v %s %q", trunk, trunk, trunk, trunk.Digest.Secret, trunk.Digest)} {
		if strings.Contains(text, "hush") {
			t.Error(text)
		}
	}
}

// large has 1,000 trunks and 100,000 prefixes, some of them everywhere.
func large(t testing.TB, change ...func(*Trunk)) *Trunks {
	list := make([]Trunk, MaxTrunks)
	for i := range list {
		list[i] = at(fmt.Sprintf("t%d", i), func(t *Trunk) {
			t.Prefixes = []string{"+"}
			for j := range 99 {
				t.Prefixes = append(t.Prefixes, fmt.Sprintf("+49%d", 10000+(i*99+j)%90000))
			}
			for _, f := range change {
				f(t)
			}
		})
	}
	return newTrunks(t, list...)
}

func TestChoiceDoesNotAllocate(t *testing.T) {
	table := large(t).Table()
	n := testing.AllocsPerRun(100, func() {
		k := 0
		for range table.Choose("+49301234567") {
			k++
		}
		if k != maxTries {
			t.Fatal(k)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A trunk with a free channel is found behind any number of full ones, which come last:
// an emergency call takes a channel all the same.
func TestFullTrunksComeLast(t *testing.T) {
	table := large(t, func(t *Trunk) { t.Channels = 1 }).Table()
	const free = 3
	for i, trunk := range table.All() {
		switch {
		case i >= free:
			trunk.Seize(Out)
		case i == 0:
			trunk.live.set(&trunk.live.health, Down)
		}
	}
	for _, number := range []string{"+49301234567", "+12125551212"} {
		var chosen []*Trunk
		for trunk := range table.Choose(number) {
			chosen = append(chosen, trunk)
		}
		if len(chosen) != maxTries {
			t.Fatalf("%s: %d trunks", number, len(chosen))
		}
		for i, trunk := range chosen {
			if trunk.full(Out) != (i >= free) {
				t.Errorf("%s: %s comes as number %d, full: %t", number, trunk.Name, i, trunk.full(Out))
			}
		}
		if s := chosen[free-1].State(); s != Down {
			t.Errorf("%s: the one that is down does not come after those that are up", number)
		}
	}
}

// BenchmarkChoose finds the trunk that takes a call, among 1,000 trunks with 100,000
// prefixes: of few that serve a number closely, and of all, which share the rest of the
// world. Most may be down or have no channel free; the search ends at one that takes the
// call.
func BenchmarkChoose(b *testing.B) {
	const well = 100 // each 100th trunk is well whatever the others are
	for state, put := range map[string]func(t *Trunk){
		"all up":    func(*Trunk) {},
		"most down": func(t *Trunk) { t.live.set(&t.live.health, Down) },
		"most full": func(t *Trunk) { t.live.calls.Store(one(Out)) },
	} {
		table := large(b, func(t *Trunk) { t.Channels = 1 }).Table()
		for i, t := range table.All() {
			if i%well != 0 {
				put(t)
			}
		}
		for name, number := range map[string]string{"close": "+49301234567", "world": "+12125551212"} {
			b.Run(state+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					tried := 0
					for t := range table.Choose(number) {
						if tried++; t.Seize(Out) {
							t.Release(Out)
							break
						}
					}
					if tried == 0 {
						b.Fatal("no trunk")
					}
				}
			})
		}
	}
}
