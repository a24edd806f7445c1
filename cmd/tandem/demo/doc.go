// Package demo shows a complete telephone call on one machine: it starts the
// server, a simulated gateway and a telephone, makes the call through all
// three, judges what was heard, draws the ladder of messages, and then stays
// up for the reader's own phone.
//
// It knows the server only through the interface Server.
package demo
