package trunks

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/gateways"
	"tandem/telephony/settings"
	"tandem/test/harness"
	"tandem/test/house"
)

// TestExplain: what is dialled is explained in the order in which calls are routed: codes
// and groups before numbers, and nothing is called or refused for it.
func TestExplain(t *testing.T) {
	r, _, _ := house.RingGroup(t, nil)
	group := "group sip:sales@" + harness.Domain + ", phone alice, phone bob, end "
	for dialled, want := range map[string]string{
		"*8":               "code *8, end *8",
		"*11*alice*1234#":  "code *11*alice*, end *11*alice*",
		"*80nobody":        "code *80nobody, end *80nobody",
		"*31*sales":        "code *31*sales, " + group + "*31*sales",
		"*31*+19005551234": "code *31*+19005551234, number +19005551234, policy decision, end *31*+19005551234",
		"300":              group + "300",
		"+49302000":        group + "+49302000",
		"sales":            group + "sales",
		"bob":              "user sip:bob@" + harness.Domain + ", phone bob, end bob",
		"+49301234567":     "number +49301234567, policy decision, trunk pstn, end +49301234567",
	} {
		var got []string
		for _, s := range rigExplained(r, t, dialled) {
			got = append(got, s.what+" "+s.name)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %q, want %q", dialled, got, want)
		}
	}
	if _, log, _ := r.HTTP(t, "GET", "/audit?limit=100", ""); strings.Contains(fmt.Sprint(log), "19005551234") {
		t.Errorf("what is explained is in the audit log: %v", log)
	}
}

// explained is one step of an explanation.
type explained struct{ what, name, verdict string }

// explained is what becomes of what alice dials. Rules of policy are left out, and phones
// have the names of their users.
func rigExplained(r *harness.Rig, t *testing.T, dialled string) (list []explained) {
	t.Helper()
	code, out, _ := r.HTTP(t, "GET", "/dialplan/explain?user=alice&number="+url.QueryEscape(dialled), "")
	if code != 200 {
		t.Fatalf("%s: %d %v", dialled, code, out)
	}
	steps, _ := out["steps"].([]any)
	for _, s := range steps {
		step, _ := s.(map[string]any)
		text := func(key string) string { v, _ := step[key].(string); return v }
		e := explained{text("what"), text("name"), text("verdict")}
		if user, _, ok := strings.Cut(strings.TrimPrefix(e.name, "sip:"), "@127.0.0.1"); ok && e.what == "phone" {
			e.name = user
		}
		if e.what != "policy" || e.name == "decision" {
			list = append(list, e)
		}
	}
	return list
}

// TestExplainSettings: what the user called wants is explained by the code that routes:
// forwarding at once and later, to where it may go and where it may not, in circles, and
// do-not-disturb. Nobody is told of a refusal that is only explained.
func TestExplainSettings(t *testing.T) {
	bob, carol := "sip:bob@"+harness.Domain, "sip:carol@"+harness.Domain
	for name, c := range map[string]struct {
		bob, carol settings.User
		want       []string // what and name, and what the verdict has
	}{
		"nothing": {want: []string{"user " + bob + ": is called", "phone bob: rings", "end bob: is called"}},
		"always": {bob: settings.User{Always: "carol"}, want: []string{"user " + bob + ": has all calls go to carol", "forward unconditional: to carol",
			"user " + carol + ": is called", "phone carol: rings", "end bob: is called"}},
		"always, outside": {bob: settings.User{Always: "+49301234567"}, want: []string{"user " + bob + ": has all calls", "forward unconditional: to +49301234567",
			"number +49301234567: national", "policy decision: allowed", "trunk pstn: is tried", "end bob: is called"}},
		"always, where he may not call": {bob: settings.User{Always: "+19005550100"}, want: []string{"user " + bob + ": has all calls", "forward unconditional: to +19005550100",
			"number +19005550100: premium", "policy decision: refused", "end bob: is answered 403"}},
		"in a circle": {bob: settings.User{Always: "carol"}, carol: settings.User{Always: "bob"}, want: []string{"user " + bob + ": has all calls", "forward unconditional: to carol",
			"user " + carol + ": has all calls", "forward unconditional: to bob", "user " + bob + ": has all calls", "end bob: is answered 482"}},
		"do not disturb": {bob: settings.User{DoNotDisturb: true}, want: []string{"user " + bob + ": is not to be disturbed", "end bob: is answered 486"}},
		"do not disturb, sent on": {bob: settings.User{DoNotDisturb: true, Busy: "carol"}, want: []string{"user " + bob + ": is not to be disturbed",
			"forward do-not-disturb: to carol", "user " + carol + ": is called", "phone carol: rings", "end bob: is called"}},
		"later": {bob: settings.User{Busy: "carol", NoAnswer: "+19005550100"}, want: []string{"user " + bob + ": is called", "phone bob: rings", "end bob: is called",
			"forward user-busy: to carol", "user " + carol + ": is called", "phone carol: rings", "end carol: is called",
			"forward no-answer: to +19005550100", "number +19005550100: premium", "policy decision: refused", "end +19005550100: is answered 403"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _, _ := house.RingGroup(t, nil)
			for user, want := range map[string]settings.User{"bob": c.bob, "carol": c.carol} {
				house.Settings(r, t, user, func(u *settings.User) { want.AOR = u.AOR; *u = want })
			}
			got := rigExplained(r, t, "bob")
			for i := range max(len(got), len(c.want)) {
				if i >= len(got) || i >= len(c.want) {
					t.Fatalf("%d steps, want %d: %q", len(got), len(c.want), got)
				}
				head, verdict, _ := strings.Cut(c.want[i], ": ")
				if got[i].what+" "+got[i].name != head || !strings.Contains(got[i].verdict, verdict) {
					t.Errorf("step %d is %q, want %s", i, got[i], c.want[i])
				}
			}
			if _, log, _ := r.HTTP(t, "GET", "/audit?limit=100", ""); strings.Contains(fmt.Sprint(log), "19005550100") {
				t.Errorf("what is explained is in the audit log: %v", log)
			}
		})
	}
}

// TestExplainEmergency: of a call for help it is told by which trunks it leaves, with
// which number and location.
func TestExplainEmergency(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) {
		harness.Exchange(cfg)
		cfg.Emergency.Sites = []config.EmergencySite{{Trunk: "help", Caller: "+49305555", Location: "https://lis.example.test/berlin"}}
	})
	r.User("alice")
	r.RawTrunk(t, "pstn", nil)
	r.RawTrunk(t, "help", func(t *gateways.Trunk) { t.Prefixes = []string{"+999"} })
	r.RawTrunk(t, "off", func(t *gateways.Trunk) { t.Disabled = true })
	want := []explained{
		{"number", "112", "is for help"},
		{"emergency", "default site", "shows the number +49305555; its location is https://lis.example.test/berlin"},
		{"trunk", "help", "is tried as number 1"},
		{"trunk", "pstn", "is tried as number 2"},
		{"trunk", "off", "is left out: it is disabled"},
		{"end", "112", "is called"},
	}
	got := rigExplained(r, t, "112")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) {
			t.Fatalf("%d steps, want %d: %q", len(got), len(want), got)
		}
		if got[i].what != want[i].what || got[i].name != want[i].name || !strings.Contains(got[i].verdict, want[i].verdict) {
			t.Errorf("step %d is %q, want %q", i, got[i], want[i])
		}
	}
}
