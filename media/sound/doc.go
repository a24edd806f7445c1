// Package sound makes, stores and measures telephone audio of 16-bit samples.
//
// It generates tones, cadences of many countries and chirps, reads and writes WAV files
// as streams, plays files without making the caller wait for the disk, records two
// sides of a call, and measures level, frequency and delay. It knows no codec, no
// packet and no call.
//
// Rates are in samples per second; functions without one use Rate. Levels are in dBFS
// relative to a full-scale sine: a sine of amplitude 32,768 has 0 dBFS, and silence is
// -Inf.
package sound

// Source is audio that is read as it is played. Read fills pcm (mono) and returns how
// many samples; fewer than requested end it.
type Source interface {
	Read(pcm []int16) int
}
