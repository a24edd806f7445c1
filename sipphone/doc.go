// Package sipphone has the words of desk phones: what a phone is, its lines and
// keys, and the MAC address it is known by.
//
// The rooms below it do the work: inventory keeps phones, family knows what the
// phones of a maker ask for, provision and tftp give files to the phone they
// belong to, notify speaks to a phone that is registered, appearance shows what
// phones of one line do, and output says how requests to a family are written. None
// of them leads calls.
package sipphone
