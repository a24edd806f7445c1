package transcode

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"tandem/media/codec"
	"tandem/media/codec/resample"
	"tandem/media/dtmf"
)

// press sends a key as events in place of audio: lasting ms, then silence.
func (k *talker) press(l *line, w *dtmf.Writer, e dtmf.Event, kind uint8) {
	w.Start(e)
	var b [4]byte
	stamp := k.head.time
	for w.Busy() {
		n, first, ok := w.Next(b[:])
		if ok {
			if first {
				stamp = k.head.time
			}
			k.other(l, kind, stamp+w.Offset(), b[:n], first)
		}
		k.pass()
	}
	k.mark = true
}

// heardKeys are the keys in what a path sent: in events and in its audio.
func (l *line) heardKeys(f codec.Format, clock int) (events, tones []byte) {
	l.t.Helper()
	reader := dtmf.NewReader(clock)
	for i, b := range l.out {
		var p packet
		p.parse(b)
		if p.kind != 102 {
			continue
		}
		if e, _, ended := reader.Packet(p.time, p.payload); ended {
			events = append(events, e.Digit())
		}
		if i+1 == len(l.out) {
			break
		}
	}
	if e, ended := reader.Idle(time.Second); ended {
		events = append(events, e.Digit())
	}
	r := l.listen(f, 8000, 97)
	d := dtmf.NewDetector(8000)
	d.Process(r.pcm, func(e dtmf.Event) { tones = append(tones, e.Digit()) })
	d.Process(make([]int16, 800), func(e dtmf.Event) { tones = append(tones, e.Digit()) })
	return events, tones
}

// TestKeys presses 10,000 keys in each form toward each form.
func TestKeys(t *testing.T) {
	opus := find(t, "opus", 48000, 2)
	pcmu := find(t, "PCMU", 8000, 1)
	for _, c := range []struct {
		in, out  bool // as events
		from, to codec.Format
		loss     float64
		burst    float64
		ptime    time.Duration
	}{
		{true, true, pcmu, pcmu, 0, 1, 20},
		{true, true, pcmu, pcmu, 0.05, 1, 20},
		{true, true, pcmu, pcmu, 0.05, 2, 60},
		{true, true, pcmu, opus, 0.05, 1, 20},
		{true, true, opus, pcmu, 0, 1, 30},
		{true, false, pcmu, pcmu, 0, 1, 20},
		{true, false, pcmu, pcmu, 0.05, 1, 20},
		{true, false, opus, pcmu, 0.05, 1, 60},
		{true, false, pcmu, opus, 0, 1, 20},
		{false, true, pcmu, pcmu, 0, 1, 20},
		{false, true, pcmu, opus, 0, 1, 20},
		{false, true, pcmu, pcmu, 0, 1, 10},
		{false, true, opus, pcmu, 0, 1, 60},
		{false, false, pcmu, pcmu, 0, 1, 20},
		{false, false, pcmu, opus, 0, 1, 20},
	} {
		form := map[bool]string{true: "events", false: "tones"}
		t.Run(fmt.Sprintf("%s %s to %s %s at %.0f %% loss, %d ms", c.from.Name, form[c.in], c.to.Name, form[c.out], c.loss*100, c.ptime), func(t *testing.T) {
			t.Parallel()
			n := 10000
			switch { // as slow as a real encoder
			case c.to.Name == "opus" && !c.out:
				n /= 3 // one in a thousand is easily lost here
			case c.from.Name == "opus" || c.to.Name == "opus":
				n /= 10
			}
			o := ends(c.from, c.to, c.ptime*time.Millisecond)
			if c.in {
				o.In.Event, o.In.EventClock = 101, c.from.Clock
			} else {
				o.Inband = true
			}
			if c.out {
				o.Out.Event, o.Out.EventClock = 102, c.to.Clock
			}
			var told []byte
			o.Key = func(e dtmf.Event) { told = append(told, e.Digit()) }
			l := newLine(t, o, shaper{loss: c.loss, burst: c.burst, jitter: 15 * time.Millisecond, twice: 0.02})
			k := newTalker(t, c.from, 8000, 20*time.Millisecond, 96)
			pressed := type10(l, k, c.from.Clock, n, c.in)
			l.run(k.at + 3*time.Second)
			events, tones := l.heardKeys(c.to, max(c.to.Clock, 8000))
			same(t, "told", told, pressed)
			if c.out {
				same(t, "events", events, pressed)
				same(t, "tones", tones, nil)
			} else {
				same(t, "tones", tones, pressed)
				same(t, "events", events, nil)
			}
			if s := l.path.Stats(); s.KeysDropped > 0 {
				t.Errorf("%d keys dropped", s.KeysDropped)
			}
		})
	}
}

// type10 presses n keys, each 60 to 140 ms, pauses of 60 to 140 ms of a quiet
// voice between.
func type10(l *line, k *talker, clock, n int, events bool) []byte {
	random := rand.New(rand.NewPCG(uint64(n), 3))
	w := dtmf.NewWriter(clock, 20*time.Millisecond)
	voice := sine(8000, 220, -30, 1)
	k.say(l, voice)
	var pressed []byte
	for range n {
		e := dtmf.Event{Code: uint8(random.IntN(16)), Volume: 10}
		e.Duration = time.Duration(3+random.IntN(5)) * 20 * time.Millisecond
		if events {
			before := len(l.way)
			k.press(l, w, e, 101)
			if len(l.way) == before { // not one packet of it came through
				k.say(l, voice[:160*3])
				continue
			}
		} else {
			tone := make([]int16, int(e.Duration*8000/time.Second))
			dtmf.Tone(tone, 8000, e, 0)
			k.say(l, tone)
		}
		pressed = append(pressed, e.Digit())
		k.say(l, voice[:160*(3+random.IntN(5))])
		l.run(k.at)
		l.way, l.next = l.way[l.next:], 0
	}
	k.say(l, voice)
	return pressed
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	t.Errorf("%s: %d keys, want %d; they part at %d: %.20q, want %.20q", what, len(got), len(want), at, got[at:], want[at:])
}

// TestTalkOff lets voices speak: they press no keys.
func TestTalkOff(t *testing.T) {
	pcmu := find(t, "PCMU", 8000, 1)
	o := ends(pcmu, pcmu, 20*time.Millisecond)
	o.Inband, o.Out.Event = true, 102
	var told []byte
	o.Key = func(e dtmf.Event) { told = append(told, e.Digit()) }
	l := newLine(t, o, shaper{})
	k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
	spoken := 0
	for _, voice := range []string{"en-us", "en-gb+f3", "de", "fr+f2", "es", "sv+m3"} {
		pcm := speak(t, voice)
		spoken += len(pcm)
		k.say(l, pcm)
	}
	l.run(k.at + time.Second)
	t.Logf("%d s of speech", spoken/8000)
	if len(told) > 0 || l.listen(pcmu, 8000, 97).kinds[102] > 0 {
		t.Errorf("speech pressed %q", told)
	}
}

// speak is speech at 8000 Hz, by espeak-ng.
func speak(t testing.TB, voice string) []int16 {
	t.Helper()
	text := `The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background.
		It is easy to tell the depth of a well. These days a chicken leg is a rare dish. Rice is often served in round bowls.
		The juice of lemons makes fine punch. The box was thrown beside the parked truck. The hogs were fed chopped corn and garbage.
		Four hours of steady work faced us. A large size in stockings is hard to sell. One two three four five six seven eight nine zero.`
	wav, err := exec.Command("espeak-ng", "-v", voice, "-s", "150", "--stdout", text).Output()
	if err != nil {
		t.Fatalf("no espeak-ng: %v (make peers installs what tests need)", err)
	}
	at := bytes.Index(wav, []byte("data"))
	if at < 0 {
		t.Fatal("espeak-ng gave no WAV")
	}
	b := wav[at+8:]
	pcm := make([]int16, len(b)/2)
	for i := range pcm {
		pcm[i] = int16(uint16(b[2*i]) | uint16(b[2*i+1])<<8)
	}
	r := resample.New(22050, 8000)
	out := make([]int16, r.Count(len(pcm)))
	return out[:r.Process(out, pcm)]
}

// TestKeysBothWays hears a sender that puts each key into events and audio at
// once: it counts and goes on once.
func TestKeysBothWays(t *testing.T) {
	pcmu := find(t, "PCMU", 8000, 1)
	for _, out := range []uint8{102, none} {
		for _, inband := range []bool{true, false} {
			o := ends(pcmu, pcmu, 20*time.Millisecond)
			o.Inband, o.In.Event, o.Out.Event = inband, 101, out
			var told []byte
			o.Key = func(e dtmf.Event) { told = append(told, e.Digit()) }
			l := newLine(t, o, shaper{jitter: 15 * time.Millisecond})
			k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
			w := dtmf.NewWriter(8000, 20*time.Millisecond)
			voice := sine(8000, 220, -30, 0.2)
			k.say(l, voice)
			var pressed []byte
			for n := range 200 {
				e := dtmf.Event{Code: uint8(n % 3), Duration: 100 * time.Millisecond}
				pressed = append(pressed, e.Digit())
				w.Start(e)
				pcm := make([]int16, 8000/5)
				dtmf.Tone(pcm, 8000, e, 0)
				stamp := k.head.time
				for at := 0; at < len(pcm); at += 160 {
					var b [4]byte
					if n, first, ok := w.Next(b[:]); ok {
						k.other(l, 101, stamp, b[:n], first)
					}
					k.say(l, pcm[at:at+160])
				}
				k.say(l, voice)
				l.run(k.at)
			}
			l.run(k.at + 2*time.Second)
			events, tones := l.heardKeys(pcmu, 8000)
			if out == none {
				events, tones = tones, events
			}
			same(t, "told", told, pressed)
			same(t, "sent", events, pressed)
			same(t, "sent the other way", tones, nil)
		}
	}
}

// TestKeyLengths presses keys of 100 ms over loss: they are as long when they go on,
// though of 35 in a thousand the end and more was lost in a burst.
func TestKeyLengths(t *testing.T) {
	pcmu, pcma := find(t, "PCMU", 8000, 1), find(t, "PCMA", 8000, 1)
	for _, net := range []shaper{{}, {loss: 0.10}, {loss: 0.05, burst: 3}} {
		o := ends(pcmu, pcma, 20*time.Millisecond)
		o.In.Event, o.In.EventClock = 101, 8000
		o.Out.Event, o.Out.EventClock = 102, 8000
		l := newLine(t, o, net)
		k := newTalker(t, pcmu, 8000, 20*time.Millisecond, 96)
		w := dtmf.NewWriter(8000, 20*time.Millisecond)
		voice := sine(8000, 220, -30, 1)
		k.say(l, voice)
		for i := range 1000 {
			k.press(l, w, dtmf.Event{Code: uint8(i % 16), Volume: 10, Duration: 100 * time.Millisecond}, 101)
			k.say(l, voice[:160*8])
			l.run(k.at)
			l.way, l.next = l.way[l.next:], 0
		}
		l.run(k.at + time.Second)
		lengths := map[time.Duration]int{}
		reader := dtmf.NewReader(8000)
		for _, b := range l.out {
			var p packet
			if p.parse(b); p.kind != 102 {
				continue
			}
			if e, _, ended := reader.Packet(p.time, p.payload); ended {
				lengths[e.Duration]++
			}
		}
		t.Logf("%.0f %% lost, bursts of %.0f: %v", net.loss*100, net.burst, lengths)
		for length, n := range lengths {
			if length != 100*time.Millisecond {
				t.Errorf("%.0f %% lost, bursts of %.0f: %d keys last %v", net.loss*100, net.burst, n, length)
			}
		}
	}
}
