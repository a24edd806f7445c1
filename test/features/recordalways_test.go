package features

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/telephony/cdr"
	"tandem/test/harness"
	"tandem/test/house"
)

// recorded waits until a call of a user is recorded by policy.
func recorded(t *testing.T, r *harness.Rig, user string) {
	t.Helper()
	harness.Wait(t, "the call of "+user+" is recorded", func() bool {
		for _, c := range r.S.Exchange().Calls() {
			for _, s := range c.Record().Story {
				if s.What == cdr.Recording && strings.HasPrefix(s.Who, "policy ") {
					return true
				}
			}
		}
		return false
	})
}

// Calls of a user whose calls are recorded are, however they come to the user.
func TestRecordedHoweverItComes(t *testing.T) {
	for _, c := range []struct {
		name string
		come func(r *harness.Rig, phones map[string]*harness.Wire)
	}{
		{"transferred to", func(r *harness.Rig, phones map[string]*harness.Wire) {
			_, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
			b.Asks("REFER", "Refer-To: <sip:carol@"+harness.Domain+">\n", "")
			phones["alice"].Agrees.Store(true)
			r.Answers(phones["carol"], "carol", 31010)
		}},
		{"retrieved by", func(r *harness.Rig, phones map[string]*harness.Wire) {
			_, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
			b.Asks("REFER", "Refer-To: <sip:*57@"+harness.Domain+">\n", "")
			phones["alice"].Agrees.Store(true)
			phones["carol"].Agrees.Store(true)
			r.Invites(phones["carol"], "carol", "sip:*57@"+harness.Domain, 31010).Connected()
		}},
		{"taken over by", func(r *harness.Rig, phones map[string]*harness.Wire) {
			_, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
			phones["alice"].Agrees.Store(true)
			phones["carol"].Agrees.Store(true)
			r.Invites(phones["carol"], "carol", "sip:alice@"+harness.Domain, 31010, "Replaces: "+b.ID+";to-tag="+b.Peer+";from-tag="+b.Local+
				"\nReferred-By: <sip:bob@"+harness.Domain+">\n").Connected()
		}},
		{"conference dialled by", func(r *harness.Rig, phones map[string]*harness.Wire) {
			r.Invites(phones["carol"], "carol", "sip:*677@"+harness.Domain, 31000).Connected()
		}},
		{"conference that calls", func(r *harness.Rig, phones map[string]*harness.Wire) {
			phones["alice"].Ask("REFER", "alice", "sip:*677@"+harness.Domain, "Refer-To: <sip:carol@"+harness.Domain+">\n", "")
			r.Answers(phones["carol"], "carol", 31010)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, phones, _ := recording(t)
			house.Allow(t, r, "record", "always", "carol")
			c.come(r, phones)
			recorded(t, r, "carol")
		})
	}
}

// An attended transfer that gives the recorded call away is recorded on, for the sake of
// the user whose calls are.
func TestRecordedAfterAttendedTransfer(t *testing.T) {
	r, phones, _ := recording(t)
	house.Allow(t, r, "record", "always", "alice")
	_, b1 := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	recorded(t, r, "alice")
	b2, _ := r.Call(phones["bob"], phones["carol"], "bob", "carol", 31010)
	phones["alice"].Agrees.Store(true)
	phones["carol"].Agrees.Store(true)
	named := url.QueryEscape(b1.ID + ";to-tag=" + b1.Peer + ";from-tag=" + b1.Local)
	if m := b2.Asks("REFER", "Refer-To: <sip:alice@"+harness.Domain+"?Replaces="+named+">\n", ""); m.StatusCode() != 202 {
		t.Fatalf("REFER is answered\n%s", m.Bytes())
	}
	harness.Wait(t, "one call goes on", func() bool { return r.S.Exchange().Active() == 1 })
	recorded(t, r, "alice")
}

// The tone that tells of a recording does not end what is heard of a conference.
func TestRecordingToneInConference(t *testing.T) {
	r, phones, _ := recording(t)
	alice, bob := house.Listen(t), house.Listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:*677@"+harness.Domain, alice.Port)
	defer alice.Says(600, a.Connected().Body())()
	b := r.Invites(phones["bob"], "bob", "sip:*677@"+harness.Domain, bob.Port)
	defer bob.Says(900, b.Connected().Body())()
	if f := alice.Until(900); f != 900 {
		t.Fatalf("before the recording alice hears %.0f Hz, want 900", f)
	}
	c := house.CallOf(r, "alice")
	if _, err := c.Recording(harness.Soon(t), true, "administrator"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // the tone is over by then
	for range 2 {
		alice.Heard(900) // what waited meanwhile
	}
	if f := alice.Heard(900); f != 900 {
		t.Errorf("after the tone alice hears %.0f Hz, want 900", f)
	}
}

// Who has policy record calls, where there is no folder for recordings, is told.
func TestRecordedNowhere(t *testing.T) {
	t.Parallel()
	for dir, told := range map[string]bool{"": true, t.TempDir(): false} {
		r := harness.StartServer(t, func(cfg *config.Config) { cfg.Telephony.Recordings = dir })
		for rule, about := range map[string]bool{
			`{"level":"default","action":"record","target":"always","allow":true}`:  true,
			`{"level":"default","action":"record","target":"always","allow":false}`: false,
			`{"level":"default","action":"call","target":"premium","allow":true}`:   false,
		} {
			code, out, _ := r.HTTP(t, "PUT", "/policy/rules", rule)
			if note := strings.Contains(fmt.Sprint(out), "telephony.recordings is set"); code != 200 || note != (told && about) {
				t.Errorf("%s with recordings in %q: %d %v", rule, dir, code, out)
			}
		}
	}
}
