package trial

import (
	"testing"
	"time"

	"tandem/media"
	"tandem/media/sound"
)

// Who hears our own tone is told of an echo, and of how much was no silence.
func TestEcho(t *testing.T) {
	var e Ear
	source, frame := Tone(sound.Rate), make([]int16, sound.Samples(20*time.Millisecond))
	for range 200 { // four seconds, of which every other is silent
		source.Read(frame)
		e.Hear(frame)
	}
	e.Note(media.Report{Streams: []media.StreamReport{{Kind: "audio", Sides: [2]media.LegReport{{Sent: media.Counts{Packets: 200}}}}}})
	r := e.Result()
	if !r.Echo || r.Heard < 1900*time.Millisecond || r.Heard > 2100*time.Millisecond || r.Level < level-2 || r.Level > level+2 || r.Sent.Packets != 200 {
		t.Errorf("heard %v at %.1f dBFS, tones %v, echo %v, %d packets sent", r.Heard, r.Level, r.Tones, r.Echo, r.Sent.Packets)
	}
}

func TestSilence(t *testing.T) {
	var e Ear
	e.Hear(make([]int16, sound.Samples(time.Second)))
	if r := e.Result(); r.Echo || r.Heard != 0 || r.Level != 0 {
		t.Errorf("silence is heard as %+v", r)
	}
}

// What is kept is bounded, however long is listened.
func TestLongest(t *testing.T) {
	var e Ear
	second := make([]int16, sound.Samples(time.Second))
	for range 70 {
		e.Hear(second)
	}
	if n := sound.Duration(len(e.pcm)); n > Longest {
		t.Errorf("%v are kept", n)
	}
}
