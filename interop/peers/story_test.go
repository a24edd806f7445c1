package peers_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/interop/process"
	"tandem/test/realtime"
)

// A gateway, which baresip is, calls a user with three devices: a linphonec, a baresip
// and a browser. The linphonec answers and transfers the call to a second user, whose
// baresip parks it by a transfer; the browser of a third one retrieves it. What everyone
// hears says how each stage went, and the record tells the whole story.
func TestStory(t *testing.T) {
	t.Parallel()
	realtime.Measure(t, func(t *testing.T) (wrong []string) {
		s := ledServer(t)
		gateway := trunkPhone(t, s, "dave", 30*time.Second)
		a, err := s.AddUser(within(t), "alice", phones.UDP)
		must(t, "adding alice", err)
		a.Codec = phones.PCMU
		alice := startPhone(t, "linphonec", a).(*phones.Linphone)
		for kind, proto := range map[string]phones.Proto{"baresip": phones.TCP, "jssip": phones.WSS} {
			other := s.Account("alice", a.Password, proto)
			other.Codec = phones.PCMU
			p := startPhone(t, kind, other)
			defer func() { must(t, "alice's "+kind+" rang", p.Incoming(within(t))) }()
		}
		bob := telephoneOf(t, s, "baresip", "bob", phones.TCP).(*phones.Baresip)
		carol := telephoneOf(t, s, "jssip", "carol", phones.WSS)

		must(t, "the gateway dials", gateway.Dial(fmt.Sprintf("sip:alice@127.0.0.1:%d", s.Port)))
		must(t, "alice rings", alice.Incoming(within(t)))
		must(t, "alice answers", alice.Answer())
		must(t, "the gateway speaks", gateway.Established(within(t)))
		time.Sleep(talk)
		must(t, "alice transfers", alice.Transfer("sip:bob@"+peers.Domain))
		must(t, "bob rings", bob.Incoming(within(t)))
		must(t, "bob answers", bob.Answer())
		must(t, "bob speaks", bob.Established(within(t)))
		ended(t, alice)
		time.Sleep(talk)
		must(t, "bob parks", bob.Transfer("sip:*57@"+peers.Domain))
		ended(t, bob)
		time.Sleep(talk)
		must(t, "carol retrieves", carol.Dial("sip:*57@"+peers.Domain))
		must(t, "carol speaks", carol.Established(within(t)))
		time.Sleep(talk)
		must(t, "carol hangs up", carol.Hangup())
		ended(t, gateway)
		ended(t, carol)

		wrong = append(wrong, stages(t, "the gateway", gateway, tones["alice"], tones["bob"], musicTone, tones["carol"])...)
		for _, p := range []struct {
			who   string
			phone phones.Phone
		}{{"alice", alice}, {"bob", bob}, {"carol", carol}} {
			wrong = append(wrong, stages(t, p.who, p.phone, tones["dave"])...)
		}
		calls, err := s.Calls(within(t))
		must(t, "the records", err)
		for _, c := range calls {
			if c.Trunk != "pstn" {
				continue
			}
			var story []string
			for _, step := range c.Story {
				story = append(story, step.What+" "+step.Who)
			}
			want := []string{"transferring sip:alice@" + peers.Domain, "transferred sip:bob@" + peers.Domain, "parked sip:bob@" + peers.Domain + " in slot 7", "retrieved sip:carol@" + peers.Domain}
			if !slices.Equal(story, want) {
				t.Errorf("the record tells %q, want %q", story, want)
			}
			return wrong
		}
		t.Errorf("no record of the gateway's call in %+v", calls)
		return wrong
	})
}

// outside is the number that trunkPhone answers; baresip takes calls for its own user
// alone.
const outside = "+49301234567"

// trunkPhone is a baresip that is a gateway of the server: known by its address, and
// registered nowhere. It says the tone of one of the users, for a time.
func trunkPhone(t *testing.T, s *peers.Server, as string, length time.Duration) *phones.Baresip {
	t.Helper()
	port, err := process.RTPPort() // baresip takes the port above for TLS
	must(t, "finding a port", err)
	must(t, "adding the trunk", s.AddTrunk(within(t), "pstn", port))
	account := s.Account(outside, "", phones.UDP)
	account.Codec, account.Listen = phones.PCMU, port
	say := filepath.Join(folder(t), "say.wav")
	must(t, "writing a tone", phones.Tone(say, tones[as], level, length))
	p, err := phones.StartBaresip(within(t), folder(t), account, say)
	must(t, "starting the gateway", err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}
