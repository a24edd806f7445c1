package sound

import (
	"math"
	"time"
)

// Rate is the rate of functions that are given none, in samples a second: that of the
// telephone.
const Rate = 8000

// fade is the rise and fall of a tone, so that it does not click.
const fade = 5 * time.Millisecond

// Samples returns how many samples last d.
func Samples(d time.Duration) int { return int(d * Rate / time.Second) }

// Duration returns how long n samples last.
func Duration(n int) time.Duration { return time.Duration(n) * time.Second / Rate }

// samplesAt is Samples at a rate.
func samplesAt(d time.Duration, rate int) int {
	return int(int64(d/time.Second)*int64(rate) + int64(d%time.Second)*int64(rate)/int64(time.Second))
}

// lasting is Duration at a rate.
func lasting(n int64, rate int) time.Duration {
	return time.Duration(n/int64(rate))*time.Second + time.Duration(n%int64(rate))*time.Second/time.Duration(rate)
}

// Tone is a sine of freq hertz at level dBFS.
func Tone(freq, level float64, d time.Duration) []int16 { return ToneAt(Rate, freq, level, d) }

// ToneAt is Tone at a rate.
func ToneAt(rate int, freq, level float64, d time.Duration) []int16 {
	return SweepAt(rate, freq, freq, level, d)
}

// Silence returns silent samples for d.
func Silence(d time.Duration) []int16 { return make([]int16, Samples(d)) }

// Sweep is a chirp: it rises or falls evenly from one frequency to another. Its
// autocorrelation has one sharp peak, so its time can be measured.
func Sweep(from, to, level float64, d time.Duration) []int16 {
	return SweepAt(Rate, from, to, level, d)
}

// SweepAt is Sweep at a rate.
func SweepAt(rate int, from, to, level float64, d time.Duration) []int16 {
	n := samplesAt(d, rate)
	out := make([]int16, n)
	amplitude := 32767 * math.Pow(10, level/20)
	edge := min(samplesAt(fade, rate), n/2)
	phase := 0.0
	for i := range out {
		gain := 1.0
		if i < edge {
			gain = float64(i) / float64(edge)
		} else if n-1-i < edge {
			gain = float64(n-1-i) / float64(edge)
		}
		out[i] = int16(math.Round(amplitude * gain * math.Sin(phase)))
		f := from + (to-from)*float64(i)/float64(n)
		phase += 2 * math.Pi * f / float64(rate)
	}
	return out
}

// Mark is the chirp by which delays are measured: 100 ms from 600 to 2,600 Hz.
func Mark(level float64) []int16 { return Sweep(600, 2600, level, 100*time.Millisecond) }
