package demo

import (
	"strings"
	"testing"

	"tandem/cmd/tandem/softphone"
)

// good is the audio of a call without fault.
func good() *softphone.Audio {
	a := &softphone.Audio{Received: 300, RoundTrip: 1}
	for _, w := range want() {
		a.Tones = append(a.Tones, softphone.Heard{Frequency: w.Freq, Level: w.Level})
	}
	return a
}

func TestJudge(t *testing.T) {
	if err := judge(good()); err != nil {
		t.Fatalf("a good call: %v", err)
	}
	for name, c := range map[string]struct {
		spoil func(*softphone.Audio)
		says  string
	}{
		"no audio": {func(a *softphone.Audio) { a.Received = 0 }, "no audio"},
		"loss":     {func(a *softphone.Audio) { a.LossPercent = 2 }, "lost"},
		"pitch":    {func(a *softphone.Audio) { a.Tones[0].Frequency *= 1.02 }, "instead of 523"},
		"level":    {func(a *softphone.Audio) { a.Tones[3].Level -= 2 }, "dBFS instead"},
		"cut":      {func(a *softphone.Audio) { a.Tones = a.Tones[:3] }, "440 Hz was not heard"},
		"no echo":  {func(a *softphone.Audio) { a.RoundTrip = -1 }, "no echo"},
		"slow":     {func(a *softphone.Audio) { a.RoundTrip = 900 }, "took 900 ms"},
	} {
		a := good()
		c.spoil(a)
		if err := judge(a); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}
