package media

import (
	"strings"
	"testing"
	"time"

	"tandem/media/dtmf"
	"tandem/media/route"
	"tandem/media/sound"
	"tandem/media/transcode"
)

// again is a description of a speaker with another codec or direction, a later
// version of the same.
func (s *speaker) again(version string, extra ...string) []byte {
	return []byte(strings.Replace(string(s.sdp(extra...)), "o=phone 1 1", "o=phone 1 "+version, 1))
}

// A call is played an announcement, given a key, put on hold, resumed and moved
// to another codec, from passing to converting: to each side it stays one
// stream with numbers that go on. Both go on sending where they were first told
// to: the relay's ports stay.
func TestOneStreamThroughAllChanges(t *testing.T) {
	inTime(t, func(t *testing.T) {
		server := start(t)
		a, b := newSpeaker(t, pcmu, route.None), newSpeaker(t, pcmu, route.None)
		tone := sound.ToneAt(8000, 440, saidLevel, 6*time.Second)
		a.prepare(tone, 8000, network{}, 1)
		b.prepare(tone, 8000, network{}, 2)
		session, events := dial(t, server, a, b, Want{NoEvents: true}, Want{})
		steps := make(chan struct{})
		go func() {
			defer close(steps)
			check := func(what string, err error) {
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			reinvite := func(what string, version string, extra ...string) {
				_, err := session.Offer(A, a.again(version, extra...), Want{NoEvents: true})
				check(what, err)
				_, err = session.Answer(B, b.again(version), Want{})
				check(what, err)
			}
			time.Sleep(time.Second)
			check("playing", session.Play(B, func(rate int) transcode.Source {
				return sound.Cadence{Steps: []sound.Step{{Freqs: [3]float64{1000}, Length: time.Second}}}.Source(rate, saidLevel, time.Second)
			}))
			time.Sleep(1500 * time.Millisecond)
			check("a key", session.Press(B, dtmf.Event{Code: 5, Duration: 100 * time.Millisecond, Volume: 10}))
			time.Sleep(500 * time.Millisecond)
			reinvite("hold", "2", "a=sendonly")
			time.Sleep(300 * time.Millisecond)
			reinvite("resume", "3", "a=sendrecv")
			time.Sleep(500 * time.Millisecond)
			// B alone changes to another codec: from passing to converting.
			_, err := session.MakeOffer(B, Want{Codecs: []string{"PCMA"}, NoEvents: true})
			check("offering PCMA", err)
			check("PCMA", session.TakeAnswer(B, []byte(strings.NewReplacer("AVP 0", "AVP 8", "rtpmap:0 PCMU", "rtpmap:8 PCMA").Replace(string(b.again("4"))))))
		}()
		together(a, b)
		<-steps
		a.numbered()
		b.numbered()
		played := false
		for len(events) > 0 {
			played = played || (<-events).Kind == EventPlayed
		}
		if !played {
			t.Error("the end of the announcement was not told")
		}
		last := map[byte]int{}
		for _, p := range b.arrived() {
			last[p.b[1]&0x7f]++
		}
		if last[0] < 100 || last[8] < 20 {
			t.Errorf("packets by payload number: %v, want many of 0 and then of 8", last)
		}
		if r := session.Report().Streams[0].Sides; !r[A].Converting {
			t.Error("it does not convert at the end")
		}
	})
}
