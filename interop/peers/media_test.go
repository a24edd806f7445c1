package peers_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/test/realtime"
)

// startMedia runs the media relay for one test.
func startMedia(t *testing.T) *peers.Media {
	t.Helper()
	m, err := peers.StartMedia(within(t), plain, t.TempDir())
	must(t, "starting the media relay", err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the media relay's log:\n%s", m.Log().Tail(60))
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// Calls between two phones that have no codec, or no security, in common, with
// Kamailio driving our relay over the ng protocol: every codec, each with and
// without SRTP, spoken by each phone, and what was heard measured.
func TestMedia(t *testing.T) {
	t.Parallel()
	m := startMedia(t)
	for _, c := range []struct{ from, to peers.Leg }{
		{peers.Leg{Codec: phones.PCMU}, peers.Leg{Codec: phones.PCMU}},
		{peers.Leg{Codec: phones.PCMU, SDES: true}, peers.Leg{Codec: phones.PCMA}},
		{peers.Leg{Codec: phones.PCMA}, peers.Leg{Codec: phones.PCMU, SDES: true}},
		{peers.Leg{Codec: phones.PCMA, SDES: true}, peers.Leg{Codec: phones.G722, SDES: true}},
		{peers.Leg{Codec: phones.G722}, peers.Leg{Codec: phones.Opus}},
		{peers.Leg{Codec: phones.G722, SDES: true}, peers.Leg{Codec: phones.PCMA, SDES: true}},
		{peers.Leg{Codec: phones.Opus}, peers.Leg{Codec: phones.G722}},
		{peers.Leg{Codec: phones.Opus, SDES: true}, peers.Leg{Codec: phones.Opus, SDES: true}},
	} {
		for _, kinds := range [][2]string{{"baresip", "linphonec"}, {"linphonec", "baresip"}} {
			name := fmt.Sprintf("%s-%s-%v_%s-%s-%v", kinds[0], c.from.Codec, c.from.SDES, kinds[1], c.to.Codec, c.to.SDES)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				realtime.Measure(t, func(t *testing.T) []string {
					k, err := peers.StartRelayed(within(t), filepath.Join(folder(t), "kamailio"), m.Port, c.from, c.to)
					must(t, "starting kamailio", err)
					t.Cleanup(func() {
						if t.Failed() {
							t.Logf("kamailio's log:\n%s", k.Transcript())
						}
						_ = k.Close()
					})
					account := func(name string, l peers.Leg) phones.Account {
						a := k.Account(name, phones.UDP)
						a.Codec, a.SDES = l.Codec, l.SDES
						return a
					}
					alice := startPhone(t, kinds[0], account("alice", c.from))
					bob := startPhone(t, kinds[1], account("bob", c.to))
					connect(t, alice, bob, "sip:bob@"+peers.KamailioDomain)
					time.Sleep(talk)
					must(t, "hanging up", alice.Hangup())
					ended(t, alice)
					ended(t, bob)
					loud := bias(kinds[0], c.from) - bias(kinds[1], c.to)
					return append(wrongToneAt(t, "alice", alice, tones["bob"], level+loud), wrongToneAt(t, "bob", bob, tones["alice"], level-loud)...)
				})
			})
		}
	}
}

// bias is how many dB too loud a phone hears, and too quiet it speaks:
// linphonec 5.1 scales G.722 by two against baresip, ffmpeg and us.
func bias(kind string, l peers.Leg) float64 {
	if kind == "linphonec" && l.Codec == phones.G722 {
		return 6
	}
	return 0
}
