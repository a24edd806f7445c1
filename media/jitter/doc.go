// Package jitter is the buffer in front of a decoder: packets go in as they arrive,
// audio is taken out by a clock, and the buffer says whether the next piece is there,
// was lost, or was never sent.
//
// It keeps as much delay as nearly all packets need: the 98th percentile of how much
// later than the fastest they arrive, over the last ten seconds or so. The delay grows
// at once, by waiting for late packets. Excess says how much delay could be saved, so
// that the user of the buffer can shorten audio where that is not heard. If packets
// contain redundancy, a loss makes the buffer keep one more packet, so that the next
// loss can be recovered.
//
// Nothing allocates after New, and nothing reads a clock: times are distances from a
// fixed moment, the same for Put and Get. It is not safe for concurrent use.
//
// It knows the numbers of RTP (RFC 3550) and no codecs: its user tells how long the
// audio of a packet lasts.
package jitter
