package peers_test

import (
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/media/sound"
	"tandem/test/realtime"
)

// long is how long TestLongCall talks; "make nightly" gives 15 minutes.
var long = flag.Duration("long", 12*time.Second, "length of the long call")

const (
	maxGap   = 60 * time.Millisecond // without sound within a stage of the call
	maxDrift = 2 * time.Second       // of a stretch: the commands to the phones take up to that
)

// linphonec, which speaks Opus, and a gateway (baresip) that takes G.711 alone talk for
// long, with a hold in the middle and session timers: neither hears a gap, and what is heard in a
// stretch of the call lasts as long as the stretch.
func TestLongCall(t *testing.T) {
	t.Parallel()
	realtime.Measure(t, func(t *testing.T) (wrong []string) {
		music := filepath.Join(folder(t), "music.wav")
		must(t, "writing the music", phones.Tone(music, musicTone, level, 5*time.Second))
		s := startServer(t, peers.Settings{Music: music, SessionTimer: "90s"})
		explain(t, s, "alice")
		alice := longPhone(t, s)
		bob := trunkPhone(t, s, "bob", *long+time.Minute)
		connect(t, alice, bob, "sip:"+outside+"@"+peers.Domain)
		half := *long / 2
		time.Sleep(half)
		must(t, "hold", alice.Hold(within(t)))
		time.Sleep(talk)
		must(t, "resume", alice.Resume(within(t), 1))
		second := time.Now()
		time.Sleep(half)
		lasted := time.Since(second)
		refreshed := regexp.MustCompile(`UPDATE|INVITE`).FindAllString(s.Ladder(within(t), "alice"), -1)
		must(t, "hanging up", bob.Hangup())
		ended(t, alice)
		ended(t, bob)
		if want := int(half / (90 * time.Second)); len(refreshed) < want {
			wrong = append(wrong, fmt.Sprintf("the server's last messages show %d refreshes in %s", len(refreshed), *long))
		}
		for _, p := range []struct {
			who   string
			phone phones.Phone
			freq  float64
			pause time.Duration // where a pause is no gap
		}{
			// linphonec records nothing while it holds: its file goes on where it stopped.
			{"alice", alice, tones["bob"], half},
			{"bob", bob, tones["alice"], 0},
		} {
			h, err := p.phone.Heard()
			must(t, p.who+" recorded", err)
			pcm, err := sound.ReadWAV(h.File)
			must(t, "reading what "+p.who+" heard", err)
			stages := stagesOf(pcm, p.pause)
			t.Logf("%s heard %s", p.who, stages)
			var total time.Duration
			for _, st := range stages {
				if math.Abs(st.freq-p.freq) > maxFreq {
					continue
				}
				total += st.length
				if st.gap > maxGap {
					wrong = append(wrong, fmt.Sprintf("%s hears nothing for %s within a stage, want at most %s", p.who, st.gap, maxGap))
				}
			}
			if drift := total - half - lasted; drift.Abs() > maxDrift {
				wrong = append(wrong, fmt.Sprintf("%s hears %s of %s", p.who, total, half+lasted))
			}
			if n := len(pcm); n > 2*sound.Rate { // the pitch of the first second and of the last
				a, b := pitchOf(pcm, p.freq, false), pitchOf(pcm, p.freq, true)
				if math.Abs(a-b) > 0.5 {
					wrong = append(wrong, fmt.Sprintf("%s hears %.2f Hz at first and %.2f Hz in the end", p.who, a, b))
				}
			}
		}
		return wrong
	})
}

// longPhone is alice's, which has enough to say.
func longPhone(t *testing.T, s *peers.Server) *phones.Linphone {
	t.Helper()
	a, err := s.AddUser(within(t), "alice", phones.UDP)
	must(t, "adding alice", err)
	a.Codec = phones.Opus
	say := filepath.Join(folder(t), "alice.wav")
	must(t, "writing a tone", phones.Tone(say, tones["alice"], level, *long+time.Minute))
	p, err := phones.StartLinphone(within(t), folder(t), a, say)
	must(t, "starting linphonec", err)
	t.Cleanup(func() { _ = p.Close() })
	must(t, "linphonec registers", p.Registered(within(t)))
	return p
}

// stage is a stretch of one tone.
type stage struct {
	freq        float64 // on which most of it agrees
	heard       []float64
	from        time.Duration
	length, gap time.Duration // gap: the longest silence within it
}

func (s stage) String() string {
	return fmt.Sprintf("%.0f Hz for %s, longest gap %s", s.freq, s.length.Round(10*time.Millisecond), s.gap)
}

// stagesOf finds the stretches of one tone each, and the silences within them. A
// silence between two tones is nobody's gap, nor is one within two seconds of pause.
// Where a phone has filled a packet that came late the phase jumps, and the 50 ms around
// that seem to be up to 2 % higher or lower: one piece says nothing of the whole.
func stagesOf(pcm []int16, pause time.Duration) (list []stage) {
	const window = sound.Rate / 100 // 10 ms
	const piece = 10 * time.Millisecond
	quiet := time.Duration(0)
	for at := 0; at+5*window <= len(pcm); at += window {
		now := time.Duration(at/window) * piece
		if sound.Level(pcm[at:at+window]) < -30 {
			quiet += piece
			continue
		}
		freq, purity := sound.Frequency(pcm[at : at+5*window])
		n := len(list)
		switch {
		case n > 0 && math.Abs(list[n-1].freq-freq) < 20:
			if pause == 0 || (now-pause).Abs() > 2*time.Second {
				list[n-1].gap = max(list[n-1].gap, quiet)
			}
			list[n-1].length = now + piece - list[n-1].from
			list[n-1].heard = append(list[n-1].heard, freq)
		case purity > 0.9:
			list = append(list, stage{freq: freq, from: now, length: piece, heard: []float64{freq}})
		}
		quiet = 0
	}
	for i := range list {
		heard := list[i].heard
		slices.Sort(heard)
		list[i].freq = heard[len(heard)/2]
	}
	return list
}

// pitchOf is the frequency of a second of a tone, the first or the last one.
func pitchOf(pcm []int16, freq float64, last bool) float64 {
	step, at := sound.Rate/2, 0
	if last {
		step, at = -step, len(pcm)-sound.Rate
	}
	for ; at >= 0 && at+sound.Rate <= len(pcm); at += step {
		if f, purity := sound.Frequency(pcm[at : at+sound.Rate]); purity > 0.95 && math.Abs(f-freq) < maxFreq {
			return f
		}
	}
	return 0
}

// TestStages: a tone is known for what it is, though its phase jumps where it begins.
func TestStages(t *testing.T) {
	for jump := range 16 {
		pcm := make([]int16, 2*sound.Rate)
		for i := range pcm {
			phase := 2 * math.Pi * 440 * float64(i) / sound.Rate
			if i > sound.Rate/40 { // after 25 ms
				phase += math.Pi * float64(jump-8) / 8
			}
			pcm[i] = int16(6000 * math.Sin(phase))
		}
		list := stagesOf(pcm, 0)
		if len(list) != 1 || math.Abs(list[0].freq-440) > 0.5 {
			t.Errorf("a jump by %d/8 of pi is taken for %s", jump-8, list)
		}
	}
}
