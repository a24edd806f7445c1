// Package gatewaysim is a simulated IP-PSTN gateway: where a trunk would lead
// into the telephone network, it answers itself.
//
// Every number (the user part of the Request-URI) rings shortly, answers, says
// an announcement of tones and then sends back what it hears until the caller
// hangs up. The announcement is three rising tones of 300 ms (523, 659 and
// 784 Hz), a pause of 200 ms and 440 Hz for 1.5 s, all at -15 dBFS. Numbers
// with special endings behave like the network on a bad day:
//
//	…00  busy: 486
//	…01  nobody answers: rings until the caller gives up (180 s at most: 480)
//	…02  no such number: 404
//	…03  early media: 183 with audio, ringing tone in the band (425 Hz), then answer
//
// It answers OPTIONS, re-INVITE (hold), BYE and CANCEL, hears RFC 4733 digits,
// and refuses requests from other addresses than its configuration names. It
// is built on sipgo and diago and has nothing of the server's own SIP core. It
// checks no credentials and reaches no telephone.
package gatewaysim
