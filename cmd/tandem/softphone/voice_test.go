package softphone

import (
	"math"
	"testing"
	"time"

	"github.com/emiago/diago/media"
	"github.com/pion/rtp"

	"tandem/media/codec"
	"tandem/media/sound"
)

// What the phone hears in Opus is the tone that was said, at its time, and keys
// on the clock of Opus are told once.
func TestOpusIsHeard(t *testing.T) {
	v, err := newVoice(opus)
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := v.format.NewEncoder(sound.Rate, codec.Options{})
	if err != nil {
		t.Fatalf("%v; make peers installs libopus0", err)
	}
	defer encoder.Close()
	var keys string
	e := newEar(v, func(r rune) { keys += string(r) })
	tone, payload := sound.Tone(1000, -15, 2*time.Second), make([]byte, 1500)
	for i := 0; (i+1)*packetSamples <= len(tone); i++ {
		n, err := encoder.Encode(payload, tone[i*packetSamples:(i+1)*packetSamples])
		if err != nil {
			t.Fatal(err)
		}
		h := &rtp.Header{SequenceNumber: uint16(i), SSRC: 9, Timestamp: uint32(960 * i), PayloadType: opus.PayloadType}
		e.take(time.Unix(1, 0).Add(time.Duration(i)*packetTime), h, payload[:n])
	}
	for i, k := range media.RTPDTMFEncode8000('5') {
		h := &rtp.Header{SequenceNumber: uint16(100 + i), SSRC: 9, Timestamp: 96000, PayloadType: eventsOfOpus.PayloadType}
		e.take(time.Unix(3, 0), h, media.DTMFEncode(k))
	}
	if len(e.heard) != len(tone) || e.lost() != 0 || keys != "5" {
		t.Errorf("%d samples of %d, %d lost, keys %q", len(e.heard), len(tone), e.lost(), keys)
	}
	middle := e.heard[sound.Rate/2 : sound.Rate*3/2]
	if f, _ := sound.Frequency(middle); math.Abs(f-1000) > 5 {
		t.Errorf("heard %.1f Hz, want 1000", f)
	}
}

func TestCodecsByName(t *testing.T) {
	for name, want := range map[string]string{"pcmu": "PCMU telephone-event", "opus": "opus telephone-event", "": "PCMU PCMA telephone-event"} {
		var names []string
		if name != "" {
			names = []string{name}
		}
		list, err := codecs(names)
		got := ""
		for _, c := range list {
			got += " " + c.Name
		}
		if err != nil || got != " "+want {
			t.Errorf("%q: %s, %v; want %s", name, got, err, want)
		}
	}
	if _, err := codecs([]string{"g729"}); err == nil {
		t.Error("g729 is not refused")
	}
}
