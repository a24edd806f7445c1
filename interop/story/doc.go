// Package story tells what telephones do with each other: a call out, a call in, a hold,
// a transfer. Each story is told once, in terms of what a Party can be asked to do, and
// is played by simulated devices, by programs of others and by endpoints of a library.
//
// It owns the order of what is done, and what each side must hear and be told. It knows
// neither SIP nor how a party does what it is asked.
package story
