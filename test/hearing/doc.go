// Package hearing tells how much of what was said is heard: noise, spectra,
// intelligibility, delay, and what lies beside what where sound was stretched. Tests
// and measurements use it; the program measures levels and tones (media/sound).
package hearing
