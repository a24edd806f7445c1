package policy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/rtc"
)

// calls is an action as telephony might declare it.
var calls = Action{Name: "call", About: "call a number", Kinds: []Kind{
	{Name: "emergency", Always: true},
	{Name: "national", Allow: true},
	{Name: "international"},
	{Name: "premium"},
}}

var watch = Action{Name: "watch", Allow: true}

const alice = rtc.AOR("sip:alice@example.com")

var (
	salesAlice = Subject{User: alice, Groups: []string{"sales", "staff"}, Site: "berlin"}
	stranger   = Subject{}
)

func engine(t testing.TB, rules ...Rule) *Engine {
	t.Helper()
	e := New(NewMemory(), []Action{calls, watch}, slog.New(slog.DiscardHandler))
	if err := e.Set(context.Background(), rules...); err != nil {
		t.Fatal(err)
	}
	return e
}

// rule reads "group sales: call international allow final".
func rule(t testing.TB, text string) Rule {
	t.Helper()
	scope, what, _ := strings.Cut(text, ": ")
	level, name, _ := strings.Cut(scope, " ")
	f := strings.Fields(what)
	r := Rule{Key: Key{Level: Level(level), Name: name, Action: f[0]}, Allow: f[2] == "allow", Final: len(f) > 3}
	switch {
	case calls.kind(f[1]) != nil:
		r.Kind = f[1]
	case f[1] != "any":
		r.Object = f[1]
	}
	return r
}

func rules(t testing.TB, texts ...string) (list []Rule) {
	for _, text := range texts {
		list = append(list, rule(t, text))
	}
	return list
}

func TestOrder(t *testing.T) {
	const london = "+442079460000"
	for _, c := range []struct {
		name         string
		rules        []string
		kind, object string
		allowed      bool
		says         string
	}{
		{"as declared", nil, "international", london, false, "call international is refused unless a rule says otherwise"},
		{"as declared, allowed", nil, "national", "+4930", true, "call national is allowed unless"},
		{"of no kind", nil, "unheard-of", "x", false, "call any is refused unless"},
		{"default", []string{"default: call international allow"}, "international", london, true, "by the default rule"},
		{"site before default", []string{"default: call international allow", "site berlin: call international deny"}, "international", london, false, "rule of site berlin"},
		{"group before site", []string{"site berlin: call international deny", "group sales: call international allow"}, "international", london, true, "rule of group sales"},
		{"user before group", []string{"user sip:alice@example.com: call international deny", "group sales: call international allow"}, "international", london, false, "rule of user sip:alice@example.com"},
		{"the more exact of two groups", []string{"group sales: call +44* allow", "group staff: call international deny"}, "international", london, true, "group sales"},
		{"of equal groups the one that refuses", []string{"group sales: call international allow", "group staff: call international deny"}, "international", london, false, "group staff"},
		{"of equal groups the one that refuses, whatever its name", []string{"group staff: call international allow", "group sales: call international deny"}, "international", london, false, "group sales"},
		{"others' rules", []string{"user sip:bob@example.com: call international allow", "group it: call international allow", "site paris: call international allow"}, "international", london, false, "unless"},
		{"a wide rule of the user before an exact one of the group", []string{"user sip:alice@example.com: call any deny", "group sales: call " + london + " allow"}, "international", london, false, "call any is refused by the rule of user"},
		{"object before beginning", []string{"default: call +44* allow", "default: call " + london + " deny"}, "international", london, false, london},
		{"long beginning before short", []string{"default: call +4* deny", "default: call +44* allow"}, "international", london, true, "+44*"},
		{"beginning before kind", []string{"default: call +44* allow", "default: call international deny"}, "international", london, true, "+44*"},
		{"kind before any", []string{"default: call any allow", "default: call international deny"}, "international", london, false, "call international"},
		{"any", []string{"default: call any allow"}, "premium", "+1900", true, "call any"},
		{"final default before user", []string{"default: call +44* deny final", "user sip:alice@example.com: call any allow"}, "international", london, false, "+44*"},
		{"broadest final first", []string{"default: call +44* deny final", "site berlin: call +442* allow final"}, "international", london, false, "+44*"},
		{"final group before user", []string{"group sales: call any deny final", "user sip:alice@example.com: call any allow"}, "national", "+4930", false, "group sales"},
		{"final of a group among finals", []string{"site berlin: call international allow final", "group sales: call any deny final"}, "international", london, true, "site berlin"},
		{"emergency", []string{"default: call any deny final", "user sip:alice@example.com: call 112 deny"}, "emergency", "112", true, "always allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := engine(t, rules(t, c.rules...)...)
			what := Question{"call", c.kind, c.object}
			d := e.May(salesAlice, what)
			if d.Allowed != c.allowed || !strings.Contains(d.Reason, c.says) || d.Rule == nil {
				t.Errorf("%t, %q; want %t, %q", d.Allowed, d.Reason, c.allowed, c.says)
			}
			explained, steps := e.Explain(salesAlice, what)
			n := 0
			for _, s := range steps {
				if s.Verdict == Decides {
					n++
				}
			}
			if explained.Reason != d.Reason || n != 1 {
				t.Errorf("Explain says %q and %d rules decide", explained.Reason, n)
			}
		})
	}
}

func TestUnknownAction(t *testing.T) {
	d := engine(t).May(salesAlice, Question{Action: "fly"})
	if d.Allowed || !strings.Contains(d.Reason, "fly") {
		t.Errorf("%+v", d)
	}
}

// TestNobody: who is of no group and no site has the default's rules alone.
func TestNobody(t *testing.T) {
	e := engine(t, rules(t, "group sales: call any allow", "site berlin: call any allow", "default: call +44* allow")...)
	if d := e.May(stranger, Question{"call", "international", "+1"}); d.Allowed {
		t.Error(d.Reason)
	}
	if d := e.May(stranger, Question{"call", "international", "+44"}); !d.Allowed {
		t.Error(d.Reason)
	}
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := rule(t, "user sip:alice@example.com: call +44* allow")
		until.Expires = time.Now().Add(time.Hour)
		e := engine(t, until, rule(t, "user sip:alice@example.com: call +4* deny"))
		what := Question{"call", "international", "+4420"}
		time.Sleep(time.Hour - time.Nanosecond)
		if d := e.May(salesAlice, what); !d.Allowed {
			t.Error(d.Reason)
		}
		time.Sleep(time.Nanosecond)
		if d := e.May(salesAlice, what); d.Allowed || !strings.Contains(d.Reason, "+4*") {
			t.Error(d.Reason)
		}
		if _, steps := e.Explain(salesAlice, what); steps[0].Verdict != Expired {
			t.Errorf("%+v", steps)
		}
		if err := e.Set(t.Context(), until); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "is past") {
			t.Error(err)
		}
	})
}

func TestExplainShowsEveryRule(t *testing.T) {
	e := engine(t, rules(t,
		"default: call +375* deny final",
		"user sip:alice@example.com: call premium deny",
		"group sales: call international allow",
		"group sales: call +4420* allow",
		"site berlin: call any deny",
		"site paris: call any allow",
		"user sip:bob@example.com: call any allow")...)
	d, steps := e.Explain(salesAlice, Question{"call", "international", "+442079460000"})
	var got []string
	for _, s := range steps {
		got = append(got, fmt.Sprintf("%s %s: %s", s.Rule.Scope(), s.Rule.Target(), s.Verdict))
	}
	want := []string{
		"default +375*: does not fit",
		"user sip:alice@example.com premium: does not fit",
		"group sales +4420*: decides",
		"group sales international: overruled",
		"site berlin any: overruled",
		"built-in international: overruled",
		"built-in premium: does not fit",
		"built-in national: does not fit",
		"built-in any: overruled",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || !d.Allowed {
		t.Errorf("%s\n\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestChecksSayTheRemedy(t *testing.T) {
	e := engine(t)
	for _, c := range []struct {
		rule Rule
		says string
	}{
		{Rule{Key: Key{Level: "everybody", Action: "call"}}, "use user, group, site or default"},
		{Rule{Key: Key{Level: BuiltIn, Action: "call"}}, "use user, group, site or default"},
		{Rule{Key: Key{Level: Default, Name: "x", Action: "call"}}, "default has none"},
		{Rule{Key: Key{Level: Group, Action: "call"}}, "have a name"},
		{Rule{Key: Key{Level: Default, Action: "fly"}}, "use call, watch"},
		{Rule{Key: Key{Level: Default, Action: "call", Kind: "lunar"}}, "use emergency, national, international, premium"},
		{Rule{Key: Key{Level: Default, Action: "call", Kind: "premium", Object: "+1"}}, "one of them"},
		{Rule{Key: Key{Level: Default, Action: "call", Object: "*"}}, "leave it out for all"},
		{Rule{Key: Key{Level: Default, Action: "call", Kind: "emergency"}}, "cannot be refused"},
		{Rule{Key: Key{Level: User, Name: "sip:a@b", Action: "call"}, Final: true}, "leave it out"},
		{Rule{Key: Key{Level: Default, Action: "call"}, Reason: "a\nb"}, "control characters"},
	} {
		if err := e.Set(context.Background(), c.rule); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.rule.Key, err, c.says)
		}
	}
	if err := e.Unset(context.Background(), Key{Level: Default, Action: "call"}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if n := len(e.Rules()); n != 0 {
		t.Errorf("%d rules are there", n)
	}
}

func TestSetAndUnset(t *testing.T) {
	ctx := t.Context()
	e := engine(t, rules(t, "user sip:alice@example.com: call international allow", "user sip:alice@example.com: watch any deny", "group sales: call international allow")...)
	what := Question{"call", "international", "+44"}
	change := rule(t, "user sip:alice@example.com: call international deny")
	change.Reason = "ask your manager"
	if err := e.Set(ctx, change); err != nil {
		t.Fatal(err)
	}
	if d := e.May(salesAlice, what); d.Allowed || !strings.HasSuffix(d.Reason, ": ask your manager") || len(e.Rules()) != 3 {
		t.Errorf("%+v", d)
	}
	if r, ok := e.Rule(change.Key); !ok || r.Reason != change.Reason {
		t.Errorf("%+v", r)
	}
	if err := e.Unset(ctx, change.Key); err != nil {
		t.Fatal(err)
	}
	if d := e.May(salesAlice, what); !d.Allowed || d.Rule.Level != Group {
		t.Errorf("%+v", d)
	}
	if err := e.Forget(ctx, alice); err != nil || len(e.Rules()) != 1 {
		t.Errorf("%v; %v", err, e.Rules())
	}
}

// failing is a Store whose disk is gone.
type failing struct{ *Memory }

var errDisk = errors.New("disk is gone")

func (f failing) PutRules(context.Context, []Rule) error   { return errDisk }
func (f failing) DeleteRules(context.Context, []Key) error { return errDisk }

func TestMemoryFollowsTheStore(t *testing.T) {
	ctx := t.Context()
	store := failing{NewMemory()}
	kept := rules(t, "default: call international allow", "default: fly any allow")
	if err := store.Memory.PutRules(ctx, kept); err != nil {
		t.Fatal(err)
	}
	e := New(store, []Action{calls}, slog.New(slog.DiscardHandler))
	if err := e.Load(ctx); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Set(ctx, rule(t, "default: call premium allow"))); !errors.Is(err, errDisk) {
		t.Error(err)
	}
	if err := e.Unset(ctx, kept[0].Key); !errors.Is(err, errDisk) {
		t.Error(err)
	}
	if e.May(stranger, Question{"call", "premium", "+1900"}).Allowed || !e.May(stranger, Question{"call", "international", "+44"}).Allowed {
		t.Error("memory is not what the store has")
	}
	if len(e.Rules()) != 1 { // the other one is of an action that this program does not have
		t.Errorf("%v", e.Rules())
	}
}

// large has rules for 10,000 users and 5,000 beginnings.
func large(t testing.TB) *Engine {
	var list []Rule
	for i := range 10000 {
		list = append(list, Rule{Key: Key{Level: User, Name: fmt.Sprintf("sip:user%d@example.com", i), Action: "call", Kind: "international"}, Allow: true})
	}
	for i := range 5000 {
		list = append(list, Rule{Key: Key{Level: Default, Action: "call", Object: fmt.Sprintf("+%d*", 10000+i)}, Final: true})
	}
	e := New(NewMemory(), []Action{calls, watch}, slog.New(slog.DiscardHandler))
	for i := range list {
		list[i].Expires = time.Now().Add(time.Hour)
	}
	e.swap(list)
	return e
}

func TestMayDoesNotAllocate(t *testing.T) {
	e := large(t)
	n := testing.AllocsPerRun(100, func() {
		if e.May(salesAlice, Question{"call", "international", "+442079460000"}).Allowed {
			t.Fatal("allowed")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMay(b *testing.B) {
	e := large(b)
	b.ReportAllocs()
	for b.Loop() {
		if e.May(salesAlice, Question{"call", "international", "+442079460000"}).Allowed {
			b.Fatal("allowed")
		}
	}
}
