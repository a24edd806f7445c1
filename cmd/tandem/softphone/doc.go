// Package softphone is a telephone without a handset: it registers, calls,
// answers, sends messages, plays, records and judges the audio it hears.
//
// It is the client side of the command line, the demonstration and the tests,
// built on sipgo and diago and not on the server's own SIP core, so that the
// server is never tested against itself. It owns its sockets and calls; it
// has no user interface, no contact list and no video.
package softphone
