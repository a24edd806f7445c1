package house

import (
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/policy"
	"tandem/rtc/sip"
	"tandem/telephony"
	"tandem/telephony/group"
	"tandem/telephony/settings"
	"tandem/test/harness"
)

// Start is a server that leads calls, and a phone of alice, bob and carol each.
func Start(t *testing.T, changes ...func(*config.Config)) (r *harness.Rig, phones map[string]*harness.Wire) {
	t.Helper()
	r = harness.StartServer(t, func(cfg *config.Config) {
		harness.LedCalls(cfg)
		for _, change := range changes {
			change(cfg)
		}
	})
	return r, people(r)
}

// people are three users with a phone each.
func people(r *harness.Rig) map[string]*harness.Wire {
	phones := map[string]*harness.Wire{}
	for _, name := range []string{"alice", "bob", "carol"} {
		r.User(name)
		phones[name] = r.Dial(r.T, "udp")
		phones[name].Register(name)
	}
	return phones
}

// RingGroup makes the group "sales", number 300, of alice, bob and carol, each of
// whom has a phone.
func RingGroup(t *testing.T, change func(*group.Group)) (r *harness.Rig, trunk *harness.Wire, phones map[string]*harness.Wire) {
	t.Helper()
	r = harness.StartServer(t, harness.Exchange)
	trunk, phones = r.RawTrunk(t, "pstn", nil), people(r)
	g := group.Group{AOR: "sip:sales@" + harness.Domain, Numbers: []string{"300", "+49302000"}, Members: []string{"alice", "sip:bob@" + harness.Domain}}
	if change != nil {
		change(&g)
	}
	if err := r.S.Groups().Add(harness.Soon(t), g); err != nil {
		t.Fatal(err)
	}
	return r, trunk, phones
}

// Settings changes how a user wants to be called.
func Settings(r *harness.Rig, t *testing.T, user string, f func(*settings.User)) {
	t.Helper()
	if _, err := r.S.CallSettings().Change(harness.Soon(t), rtc.AOR("sip:"+user+"@"+harness.Domain), func(u *settings.User) error { f(u); return nil }); err != nil {
		t.Fatal(err)
	}
}

// Allow has policy allow one user something.
func Allow(t *testing.T, r *harness.Rig, action, kind, user string) {
	rule(t, r, action, kind, user, true)
}

// Deny is the opposite of allow.
func Deny(t *testing.T, r *harness.Rig, action, kind, user string) {
	rule(t, r, action, kind, user, false)
}

func rule(t *testing.T, r *harness.Rig, action, kind, user string, may bool) {
	t.Helper()
	key := policy.Key{Level: policy.User, Name: "sip:" + user + "@" + harness.Domain, Action: action, Kind: kind}
	if err := r.S.Policy().Set(harness.Soon(t), policy.Rule{Key: key, Allow: may}); err != nil {
		t.Fatal(err)
	}
}

// Silent wants a phone not to have rung.
func Silent(t *testing.T, who string, w *harness.Wire) {
	t.Helper()
	if m, err := w.Next(50*time.Millisecond, func(m *sip.Message) bool { return m.IsRequest() }); err == nil {
		t.Errorf("%s gets %s", who, m.MethodName())
	}
}

// End ends a call that a phone has answered.
func End(trunk, phone *harness.Wire, id string, invite *sip.Message) {
	trunk.Ack(trunk.Final(id, "INVITE"), "")
	phone.Bye(invite, "x")
	trunk.Reply(trunk.Request("BYE"), 200, "", "", "")
}

// CallOf is the running call that a user has made.
func CallOf(r *harness.Rig, user string) *telephony.Call {
	for _, c := range r.S.Exchange().Calls() {
		if c.Record().From == rtc.AOR("sip:"+user+"@"+harness.Domain) {
			return c
		}
	}
	r.T.Fatalf("no call of %s", user)
	return nil
}
