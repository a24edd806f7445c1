package dialplan_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tandem/telephony/dialplan"
	"tandem/telephony/dialplan/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (dialplan.Store, func() dialplan.Store) {
		m := dialplan.NewMemory()
		return m, func() dialplan.Store { return m }
	})
}

// plan has a rule for each "match route", named r0, r1...; "site:" in front names
// the site.
func plan(t testing.TB, list ...string) *dialplan.Rules {
	t.Helper()
	rules := dialplan.New(dialplan.NewMemory())
	for i, text := range list {
		site, rest, ok := strings.Cut(text, ":")
		if !ok {
			site, rest = "", text
		}
		match, route, _ := strings.Cut(rest, " ")
		r, err := dialplan.ParseRoute(route)
		if err != nil {
			t.Fatal(err)
		}
		if err := rules.Add(context.Background(), dialplan.Rule{Name: fmt.Sprint("r", i), Site: site, Match: match, Route: r}); err != nil {
			t.Fatal(err)
		}
	}
	return rules
}

func TestFind(t *testing.T) {
	rules := plan(t, "9xxx user hall", "91xx user lab", "9110 refuse no", "00. trunk world", "*97 user mail", "+49. group pstn", "berlin:9xxx user berlin", "x. number")
	for _, c := range []struct{ site, dialled, want string }{
		{"", "9234", "user hall"},
		{"", "9123", "user lab"},
		{"", "9110", "refuse no"},
		{"berlin", "9110", "user berlin"},
		{"", "92345", "number"},
		{"", "00 44 (20) 7946-0000", "trunk world"},
		{"", "00", "number"},
		{"", "*97", "user mail"},
		{"", "*98", ""},
		{"", "+49.30.123", "group pstn"},
		{"", "+49", ""},
		{"", "", ""},
	} {
		got := ""
		if r := rules.Find(c.site, c.dialled, nil); r != nil {
			got = r.Route.String()
		}
		if got != c.want {
			t.Errorf("%q at %q: %q, want %q", c.dialled, c.site, got, c.want)
		}
	}
	var tried []string
	rules.Find("", "9234", func(r *dialplan.Rule, v dialplan.Verdict) { tried = append(tried, r.Route.String()+" "+string(v)) })
	if got := strings.Join(tried, ", "); got != "user berlin of another site, refuse no does not fit, user lab does not fit, user hall taken" {
		t.Error(got)
	}
	if (*dialplan.Rules)(nil).Find("", "1", nil) != nil {
		t.Error("no rules are no rule")
	}
}

func TestApply(t *testing.T) {
	for _, c := range []struct {
		strip                  int
		prepend, dialled, want string
	}{
		{1, "+49", "0301234", "+49301234"},
		{0, "", "030 12-34", "0301234"},
		{40, "1", "0", "1"},
	} {
		if got := dialplan.Apply(&dialplan.Rule{Strip: c.strip, Prepend: c.prepend}, c.dialled); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestChanges(t *testing.T) {
	rules := plan(t, "1 number")
	user := dialplan.Route{Kind: dialplan.User, To: "alice"}
	for _, c := range []struct {
		rule dialplan.Rule
		kind error
		says string
	}{
		{dialplan.Rule{Name: "A b", Match: "1"}, dialplan.ErrInvalid, "1 to 64"},
		{dialplan.Rule{Name: "x", Match: ""}, dialplan.ErrInvalid, "9xxx"},
		{dialplan.Rule{Name: "x", Match: "1.2"}, dialplan.ErrInvalid, "9xxx"},
		{dialplan.Rule{Name: "x", Match: "1", Strip: -1}, dialplan.ErrInvalid, "leave the front"},
		{dialplan.Rule{Name: "x", Match: "1", Prepend: "x"}, dialplan.ErrInvalid, "prepend"},
		{dialplan.Rule{Name: "x", Match: "1", Route: dialplan.Route{Kind: "moon"}}, dialplan.ErrInvalid, "use number, user NAME"},
		{dialplan.Rule{Name: "x", Match: "1", Route: dialplan.Route{Kind: dialplan.Trunk}}, dialplan.ErrInvalid, "needs a name"},
		{dialplan.Rule{Name: "r0", Match: "1", Route: user}, dialplan.ErrExists, "another name"},
	} {
		if err := rules.Add(t.Context(), c.rule); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.rule, err, c.says)
		}
	}
	if err := rules.Remove(t.Context(), "r0"); err != nil || len(rules.All()) != 0 {
		t.Errorf("%v, %v", err, rules.All())
	}
	if err := rules.Remove(t.Context(), "r0"); !errors.Is(err, dialplan.ErrUnknown) {
		t.Error(err)
	}
}

func FuzzRoute(f *testing.F) {
	f.Add("trunk berlin")
	f.Add("refuse not from here")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := dialplan.ParseRoute(text)
		if err != nil {
			return
		}
		again, err := dialplan.ParseRoute(r.String())
		if err != nil || again != r {
			t.Errorf("%q is %+v, then %+v: %v", text, r, again, err)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	var list []string
	for i := range 1000 {
		list = append(list, fmt.Sprintf("%dx number", 10000+i))
	}
	rules := plan(b, list...)
	b.ReportAllocs()
	for b.Loop() {
		if rules.Find("", "+4930123456", nil) != nil {
			b.Fatal("found")
		}
	}
}
