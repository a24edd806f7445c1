// Package media measures Tandem's media relay against rtpengine: the same
// calls through each, in one run, over loopback, the relay on core 0 and the
// phones on core 1.
//
// The phones are one paced loop that sends 50 packets a second and stream from
// a few sockets and reads what comes back, with the kernel's time of arrival.
// Calls are made over the ng protocol, which both relays speak. What counts is
// the relay's time on a processor per packet; windows of both alternate, and the
// median counts, because the machine's other work comes and goes.
//
// It talks to 127.0.0.1 only and ends what it started.
package media
