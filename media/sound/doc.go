// Package sound makes and judges telephone audio: 16-bit mono samples at
// 8,000 a second.
//
// It generates tones and chirps, reads and writes WAV files, and measures
// level, frequency and delay. It knows no codec, no packet and no call.
//
// Levels are in dBFS relative to a full-scale sine, so a sine of amplitude
// 32,768 has 0 dBFS and silence is -Inf.
package sound
