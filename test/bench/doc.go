// Command bench measures Tandem against Kamailio on this machine: the same
// load on each in one run, over loopback, the server on one core and the load
// on the other.
//
// The load is a closed loop: a window of operations is always under way, so
// that the server is saturated and its CPU time per operation (of the whole
// process tree, from the kernel's accounting) is what the operation costs.
// Wall-clock rates on shared machines are noise; CPU per operation and the
// ratio are what counts.
//
// Kamailio runs as its users tune it: the fast allocators (-x fm -X fm),
// one worker, usrloc in memory, HA1 kept in a hash table, stateless REGISTER.
// Tandem runs as it is shipped: durable store, authentication, metrics, trace.
//
// The media relay is measured by the package media below.
//
// It talks to 127.0.0.1 only and ends by itself.
package main
