// Package sound makes, keeps and judges telephone audio: 16-bit samples.
//
// It generates tones, cadences of many countries and chirps, reads and writes
// WAV files as streams, plays files without touching the disk in the caller's
// time, records two sides of a call, and measures level, frequency and delay. It
// knows no codec, no packet and no call.
//
// Rates are in samples a second; functions that take none work at Rate. Levels
// are in dBFS relative to a full-scale sine, so a sine of amplitude 32,768 has
// 0 dBFS and silence is -Inf.
package sound

// Source is audio that is read as it is played. Read fills pcm (mono) and
// returns how many samples; fewer than asked ends it.
type Source interface {
	Read(pcm []int16) int
}
