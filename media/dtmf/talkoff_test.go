package dtmf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// speech is what a voice says, at 16 kHz. Linear interpolation from the
// synthesizer's 22.05 kHz is enough: what it adds is above the keys' tones.
func speech(t *testing.T, voice, pitch, speed, text string) []int16 {
	t.Helper()
	cmd := exec.Command("espeak-ng", "-v", voice, "-p", pitch, "-s", speed, "--stdout")
	cmd.Stdin = strings.NewReader(text)
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("espeak-ng -v %s: %v", voice, err)
	}
	at := bytes.Index(b, []byte("data"))
	if len(b) < 44 || at < 0 {
		t.Fatalf("espeak-ng wrote no WAV but %d octets", len(b))
	}
	rate := float64(binary.LittleEndian.Uint32(b[24:]))
	b = b[at+8:]
	sample := func(i int) float64 { return float64(int16(binary.LittleEndian.Uint16(b[2*i:]))) }
	out := make([]int16, int(float64(len(b)/2-1)*16000/rate))
	for i := range out {
		x := float64(i) * rate / 16000
		k := int(x)
		out[i] = int16(sample(k)*(1-(x-float64(k))) + sample(k+1)*(x-float64(k)))
	}
	return out
}

const said = `Good morning, you have reached the office of the harbour master. If you know
the extension of the person you are calling, please dial it now; for opening hours press one, for
berths and moorings press two, for fuel press three. One, two, three, four, five, six, seven, eight,
nine, zero, star, hash. Nine hundred and ninety nine yellow lorries rolled along the narrow lane, and
each of them carried forty four barrels of oil. We were away a year ago; who would willingly owe a
lion money? She sees the sea, he hears the bees, they freeze the peas in pieces of cheese. Ooh, that
moon in June was truly blue. Please hold the line while I try to connect you to somebody who can help.`

// Nothing anybody says is a key. The test needs espeak-ng.
func TestSpeechIsNoKey(t *testing.T) {
	text, voices := said, []string{"en-gb", "en-us", "en-gb-scotland", "de", "fr", "it", "es", "en-gb+f2", "en-us+f4", "de+m3", "fr+f5", "nl"}
	if name := os.Getenv("TALKOFF_TEXT"); name != "" { // for a long run
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	total := time.Duration(0)
	for i, voice := range voices {
		pcm := speech(t, voice, fmt.Sprint(20+i*6), fmt.Sprint(130+i*6), text)
		total += time.Duration(len(pcm)) * time.Second / 16000
		d := NewDetector(16000)
		present := 0
		for at := 0; at+320 <= len(pcm); at += 320 {
			d.Process(pcm[at:at+320], func(e Event) {
				t.Errorf("%s said %c for %v at %v", voice, e.Digit(), e.Duration, time.Duration(at)*time.Second/16000)
			})
			if d.Present() {
				present++
			}
		}
		t.Logf("%s: %d of %d frames held back", voice, present, len(pcm)/320)
	}
	if total < 5*time.Minute {
		t.Errorf("only %v of speech", total)
	}
	t.Logf("%v of speech", total)
}
