package media

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/media/codec"
	"tandem/media/dtmf"
	"tandem/media/route"
	"tandem/media/transcode"
)

// digits are the keys a speaker hears: in events and in its audio.
func (s *speaker) digits(clock int) (events, tones string) {
	reader := dtmf.NewReader(clock)
	var found []byte
	for _, a := range s.arrived() {
		if s.event != route.None && a.b[1]&0x7f == s.event {
			if e, _, ended := reader.Packet(binary.BigEndian.Uint32(a.b[4:]), payload(a.b)); ended {
				found = append(found, e.Digit())
			}
		}
	}
	if e, ended := reader.Idle(time.Second); ended {
		found = append(found, e.Digit())
	}
	events, found = string(found), nil
	pcm, _ := s.heard(8000)
	d := dtmf.NewDetector(8000)
	hear := func(e dtmf.Event) { found = append(found, e.Digit()) }
	d.Process(pcm, hear)
	d.Process(make([]int16, 800), hear)
	return events, string(found)
}

// dialled is pressed in the tests of keys.
const dialled = "159D*0"

// Keys cross a call in each form, and those the call layer presses: none lost,
// none twice.
func TestKeysThroughACall(t *testing.T) {
	inTime(t, func(t *testing.T) {
		server := start(t)
		quiet := make([]int16, 5*8000)
		type crossing struct {
			name    string
			a, b    *speaker
			clock   [2]int // of the events of each; 0 it has none
			tones   bool   // a presses in its audio
			both    bool   // and as events at the same time
			press   bool   // nobody does but the call layer, to b
			want    Want
			answer  Want
			as      string // how b must hear them
			session *Session
			events  chan Event
		}
		var all []*crossing
		for _, c := range []*crossing{
			{name: "events under another number", a: newSpeaker(t, pcmu, 101), b: newSpeaker(t, pcmu, 97), clock: [2]int{8000, 8000}, as: "events"},
			{name: "events beside converted audio", a: newSpeaker(t, pcmu, 101), b: newSpeaker(t, pcma, 97), clock: [2]int{8000, 8000}, want: Want{Codecs: []string{"PCMA"}}, as: "events"},
			{name: "events on another clock", a: newSpeaker(t, opus, 110), b: newSpeaker(t, pcmu, 97), clock: [2]int{48000, 8000}, want: Want{Codecs: []string{"PCMU"}}, as: "events"},
			{name: "events to tones", a: newSpeaker(t, pcmu, 101), b: newSpeaker(t, pcma, route.None), clock: [2]int{8000, 0}, want: Want{Codecs: []string{"PCMA"}, NoEvents: true}, as: "tones"},
			{name: "tones to events", a: newSpeaker(t, pcmu, route.None), b: newSpeaker(t, pcma, 97), clock: [2]int{0, 8000}, tones: true, want: Want{Codecs: []string{"PCMA"}}, answer: Want{Tones: TonesConverted}, as: "events"},
			{name: "both at once", a: newSpeaker(t, pcmu, 101), b: newSpeaker(t, pcma, 97), clock: [2]int{8000, 8000}, tones: true, both: true, want: Want{Codecs: []string{"PCMA"}}, answer: Want{Tones: TonesConverted}, as: "events"}, // ph-7960-dtmf
			{name: "pressed as events", a: newSpeaker(t, pcmu, route.None), b: newSpeaker(t, pcmu, 97), clock: [2]int{0, 8000}, press: true, as: "events"},
			{name: "pressed as tones", a: newSpeaker(t, pcmu, route.None), b: newSpeaker(t, pcmu, route.None), press: true, want: Want{NoEvents: true}, as: "tones"},
		} {
			pcm := quiet
			if c.tones {
				pcm = make([]int16, len(quiet))
				for i, d := range []byte(dialled) {
					code, _ := dtmf.Parse(d)
					n := 960
					if c.both {
						n = 2400 // the event covers the beginning alone
					}
					dtmf.Tone(pcm[8000*(i+1)/2:8000*(i+1)/2+n], 8000, dtmf.Event{Code: code, Duration: time.Duration(n) * time.Second / 8000, Volume: 10}, 0)
				}
			}
			c.a.prepare(pcm, 8000, network{}, 1)
			c.b.prepare(quiet, 8000, network{}, 2)
			for i, d := range []byte(dialled) {
				if code, _ := dtmf.Parse(d); (!c.tones || c.both) && !c.press {
					c.a.press(25*(i+1), 6, code, c.clock[A])
				}
			}
			c.session, c.events = dialClocked(t, server, c.a, c.b, c.clock, c.want, c.answer)
			all = append(all, c)
		}
		parallel(len(all), func(i int) {
			c := all[i]
			if c.press {
				time.AfterFunc(700*time.Millisecond, func() {
					for _, d := range []byte(dialled) {
						code, _ := dtmf.Parse(d)
						if err := c.session.Press(B, dtmf.Event{Code: code, Duration: 120 * time.Millisecond, Volume: 10}); err != nil {
							t.Errorf("%s: %v", c.name, err)
						}
					}
				})
			}
			together(c.a, c.b)
		})
		for _, c := range all {
			events, tones := c.b.digits(max(c.clock[B], 8000))
			if c.as == "events" && events != dialled || c.as == "tones" && (tones != dialled || events != "") {
				t.Errorf("%s: of %q events say %q and tones %q", c.name, dialled, events, tones)
			}
			if c.as == "events" && tones != "" {
				t.Logf("%s: the audio has %q too", c.name, tones)
			}
			c.b.numbered()
			var told []byte
			for len(c.events) > 0 {
				if e := <-c.events; e.Kind == EventKey && e.Side == A {
					told = append(told, e.Key.Digit())
				}
			}
			if !c.press && string(told) != dialled {
				t.Errorf("%s: of %q the call layer was told %q", c.name, dialled, told)
			}
		}
	})
}

// dialClocked is dial for speakers whose events have clocks of their own.
func dialClocked(t *testing.T, server *Server, a, b *speaker, clock [2]int, want, back Want) (*Session, chan Event) {
	t.Helper()
	text := func(s *speaker, clock int) []byte {
		out := string(s.sdp())
		if clock == 48000 {
			out = strings.Replace(out, "telephone-event/8000", "telephone-event/48000", 1)
		}
		return []byte(out)
	}
	events := make(chan Event, 1000)
	session, err := server.Open(t.Name()+a.addr().String(), Options{Handle: func(e Event) { events <- e }})
	if err != nil {
		t.Fatal(err)
	}
	offer, err := session.Offer(A, text(a, clock[A]), want)
	if err != nil {
		t.Fatal(err)
	}
	b.use(offer)
	answer, err := session.Answer(B, text(b, clock[B]), back)
	if err != nil {
		t.Fatal(err)
	}
	a.use(answer)
	go a.keep()
	go b.keep()
	return session, events
}

// inTime is what a speaker hears on 8 kHz, in PCMU or PCMA, each packet where its
// timestamp says.
func (s *speaker) inTime() []int16 {
	s.t.Helper()
	var pcm []int16
	begin, some := uint32(0), false
	for _, a := range s.arrived() {
		name, ok := map[uint8]string{0: "PCMU", 8: "PCMA"}[a.b[1]&0x7f]
		if !ok {
			continue
		}
		at := binary.BigEndian.Uint32(a.b[4:])
		if !some {
			begin, some = at, true
		}
		f, _ := codec.Find(name, 8000, 1)
		d, err := f.NewDecoder(8000)
		if err != nil {
			s.t.Fatal(err)
		}
		out := make([]int16, 8000)
		n, err := d.Decode(out, payload(a.b))
		if err != nil {
			s.t.Fatal(err)
		}
		end := int(at-begin) + n
		if end > 60*8000 {
			s.t.Fatalf("a timestamp %d after the first", at-begin)
		}
		pcm = append(pcm, make([]int16, max(end-len(pcm), 0))...)
		copy(pcm[at-begin:], out[:n])
	}
	return pcm
}

// Keys that wait while the codec changes, again and again, are sent by what comes
// after; those that are being heard meanwhile are told once.
func TestKeysSurviveChangesOfCodec(t *testing.T) {
	inTime(t, func(t *testing.T) {
		server := start(t)
		type crossing struct {
			name    string
			a, b    *speaker
			press   bool // by the call layer, else by a
			tones   bool // b has no events
			playing bool // an announcement, which is stopped
			session *Session
			events  chan Event
		}
		all := []*crossing{
			{name: "pressed, events", a: newSpeaker(t, pcmu, route.None), b: newSpeaker(t, pcmu, 97), press: true},
			{name: "pressed, tones", a: newSpeaker(t, pcmu, route.None), b: newSpeaker(t, pcmu, route.None), press: true, tones: true},
			{name: "pressed where it converts, events", a: newSpeaker(t, g722, route.None), b: newSpeaker(t, pcmu, 97), press: true},
			{name: "pressed where it converts, tones", a: newSpeaker(t, g722, route.None), b: newSpeaker(t, pcmu, route.None), press: true, tones: true},
			{name: "pressed over an announcement, events", a: newSpeaker(t, pcmu, route.None), b: newSpeaker(t, pcmu, 97), press: true, playing: true},
			{name: "pressed over an announcement, tones", a: newSpeaker(t, pcmu, route.None), b: newSpeaker(t, pcmu, route.None), press: true, tones: true, playing: true},
			{name: "heard, events", a: newSpeaker(t, pcmu, 101), b: newSpeaker(t, pcmu, 97)},
			{name: "heard, tones", a: newSpeaker(t, pcmu, 101), b: newSpeaker(t, pcmu, route.None), tones: true},
		}
		for _, c := range all {
			pcm := make([]int16, 4*c.a.format.Native)
			c.a.prepare(pcm, c.a.format.Native, network{}, 1)
			c.b.prepare(make([]int16, 4*8000), 8000, network{}, 2)
			if !c.press {
				for i, d := range []byte(dialled) {
					code, _ := dtmf.Parse(d)
					c.a.press(20*(i+1), 6, code, 8000)
				}
			}
			c.session, c.events = dial(t, server, c.a, c.b, Want{Codecs: []string{"PCMU"}, NoEvents: c.tones}, Want{})
		}
		parallel(len(all), func(i int) {
			c := all[i]
			done := make(chan struct{})
			go func() {
				defer close(done)
				fail := func(err error) {
					if err != nil {
						t.Errorf("%s: %v", c.name, err)
					}
				}
				time.Sleep(300 * time.Millisecond)
				if c.playing {
					fail(c.session.Play(B, func(rate int) transcode.Source { return silence(rate, time.Hour) }))
				}
				for _, d := range []byte(dialled) {
					if code, _ := dtmf.Parse(d); c.press {
						fail(c.session.Press(B, dtmf.Event{Code: code, Duration: 120 * time.Millisecond, Volume: 10}))
					}
				}
				for n := range 14 {
					time.Sleep(170*time.Millisecond + time.Duration(i*n%7)*10*time.Millisecond)
					name, change := "PCMA", strings.NewReplacer("AVP 0", "AVP 8", "rtpmap:0 PCMU", "rtpmap:8 PCMA")
					if n%2 == 1 {
						name, change = "PCMU", strings.NewReplacer()
					}
					_, err := c.session.MakeOffer(B, Want{Codecs: []string{name}, NoEvents: c.tones})
					fail(err)
					fail(c.session.TakeAnswer(B, []byte(change.Replace(string(c.b.again(fmt.Sprint(n+2)))))))
					if n == 2 && c.playing {
						c.session.Stop(B)
					}
				}
			}()
			together(c.a, c.b)
			<-done
		})
		for _, c := range all {
			events, _ := c.b.digits(8000)
			var found []byte
			d := dtmf.NewDetector(8000)
			hear := func(e dtmf.Event) { found = append(found, e.Digit()) }
			d.Process(append(c.b.inTime(), make([]int16, 800)...), hear)
			if tones := string(found); !c.tones && (events != dialled || tones != "") || c.tones && (tones != dialled || events != "") {
				t.Errorf("%s: of %q events say %q and tones %q", c.name, dialled, events, tones)
			}
			c.b.numbered()
			var told []byte
			for len(c.events) > 0 {
				if e := <-c.events; e.Kind == EventKey && e.Side == A {
					told = append(told, e.Key.Digit())
				}
			}
			if !c.press && string(told) != dialled {
				t.Errorf("%s: of %q the call layer was told %q", c.name, dialled, told)
			}
		}
	})
}
