package hearing

import (
	"slices"
	"testing"
	"time"

	"tandem/media/sound"
)

// What was moved back and forth lies beside what it was again.
func TestAlign(t *testing.T) {
	ref := sound.Sweep(300, 3000, -10, time.Second)
	got := slices.Concat(make([]int16, 40), ref[:4000], ref[3970:])
	out := Align(ref, got, 800, 100)
	if s := SNR(ref[:3000], out[:3000]); s < 60 {
		t.Errorf("before the break: SNR %.1f dB", s)
	}
	if s := SNR(ref[5000:7500], out[5000:7500]); s < 60 {
		t.Errorf("behind the break: SNR %.1f dB", s)
	}
	if s := SNR(ref, got); s > 10 {
		t.Errorf("unaligned they are alike: SNR %.1f dB", s)
	}
	if n := len(Align(ref, nil, 800, 10)); n != len(ref) {
		t.Errorf("%d samples of %d", n, len(ref))
	}
}
