package peers_test

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/test/realtime"
)

// musicTone is what who is on hold hears.
const musicTone = 880.0

// stages says what is wrong when tones were not heard in this order, each for a
// second at least.
func stages(t *testing.T, who string, p phones.Phone, want ...float64) (wrong []string) {
	t.Helper()
	h, err := p.Heard()
	must(t, who+" recorded", err)
	t.Logf("%s heard %s", who, h)
	at := 0
	for _, freq := range want {
		for at < len(h.Tones) && (math.Abs(h.Tones[at].Freq-freq) > maxFreq || h.Tones[at].Length < time.Second) {
			at++
		}
		if at == len(h.Tones) {
			return []string{fmt.Sprintf("%s does not hear %.0f Hz in its turn: %s", who, freq, h)}
		}
		if math.Abs(h.Tones[at].Level-level) > maxLevel {
			wrong = append(wrong, fmt.Sprintf("%s hears %.0f Hz at %.1f dBFS, want %.1f", who, freq, h.Tones[at].Level, level))
		}
		at++
	}
	return wrong
}

func ledServer(t *testing.T) *peers.Server {
	t.Helper()
	music := filepath.Join(folder(t), "music.wav")
	must(t, "writing the music", phones.Tone(music, musicTone, level, 5*time.Second))
	s := startServer(t, peers.Settings{AllCalls: true, Browsers: true, Music: music})
	explain(t, s, "alice")
	return s
}

// telephoneOf is a phone that speaks G.711 alone: linphonec writes what it hears as 8 kHz
// whatever it is.
func telephoneOf(t *testing.T, s *peers.Server, kind, name string, proto phones.Proto) phones.Phone {
	t.Helper()
	a, err := s.AddUser(within(t), name, proto)
	must(t, "adding "+name, err)
	a.Codec = phones.PCMU
	return startPhone(t, kind, a)
}

// linphonec holds a call, takes it back, and transfers it to another phone, blindly
// or after it has spoken with that one, by its own commands. What the others hear says
// how each stage went. A browser, with DTLS, is on either side.
func TestTransferByLinphone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		attended   bool
		bob, carol string
	}{
		{false, "baresip", "baresip"}, {false, "linphonec", "baresip"}, {true, "baresip", "baresip"}, {true, "linphonec", "baresip"},
		{false, "baresip", "jssip"}, {true, "jssip", "baresip"}, {true, "baresip", "jssip"},
	} {
		t.Run(fmt.Sprintf("attended=%v,%s,%s", c.attended, c.bob, c.carol), func(t *testing.T) {
			t.Parallel()
			realtime.Measure(t, func(t *testing.T) []string {
				s := ledServer(t)
				alice := telephoneOf(t, s, "linphonec", "alice", phones.UDP).(*phones.Linphone)
				bob := telephoneOf(t, s, c.bob, "bob", protos[c.bob])
				carol := telephoneOf(t, s, c.carol, "carol", protos[c.carol])
				connect(t, alice, bob, "sip:bob@"+peers.Domain)
				time.Sleep(talk)
				must(t, "hold", alice.Hold(within(t)))
				time.Sleep(talk)
				must(t, "resume", alice.Resume(within(t), 1))
				time.Sleep(talk)
				hears := []float64{tones["alice"], musicTone, tones["alice"]}
				if c.attended {
					must(t, "hold", alice.Hold(within(t)))
					connect(t, alice, carol, "sip:carol@"+peers.Domain)
					time.Sleep(talk)
					hears = append(hears, musicTone)
					must(t, "transfer", alice.Join(1, 2))
				} else {
					must(t, "transfer", alice.Transfer("sip:carol@"+peers.Domain))
					must(t, "carol rings", carol.Incoming(within(t)))
					must(t, "carol answers", carol.Answer())
					must(t, "carol speaks", carol.Established(within(t)))
				}
				ended(t, alice)
				time.Sleep(talk)
				must(t, "bob hangs up", bob.Hangup())
				ended(t, bob)
				ended(t, carol)
				wrong := stages(t, "bob", bob, append(hears, tones["carol"])...)
				if c.attended {
					return append(wrong, stages(t, "carol", carol, tones["alice"], tones["bob"])...)
				}
				return append(wrong, stages(t, "carol", carol, tones["bob"])...)
			})
		})
	}
}
