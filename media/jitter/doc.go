// Package jitter is the buffer in front of a decoder: packets go in as they
// come, audio is asked for by a clock, and the buffer reports whether the next
// stretch of it is there, lost, or was never sent.
//
// It keeps as much delay as nearly all packets need: the 98th percentile of how
// much later than the fastest they came, forgotten over some ten seconds. It
// grows at once, by waiting for what is late, and says how much there is too
// much of (Excess), so that its user shortens audio where that is not heard.
// Where packets repeat the one before them, a loss has it keep a packet more, so
// that the next loss can be taken from what follows it.
// Nothing allocates after New, nothing reads a clock: times are the distance
// from any fixed moment, the same for Put and Get. It is not safe for use by
// two goroutines.
//
// It knows the numbers of RTP (RFC 3550) and no codec: how long a packet's audio
// lasts it is told.
package jitter
