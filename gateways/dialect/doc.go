// Package dialect is how gateways and providers want to be spoken to: what a
// Manner says of one, and what is known of the makers' (their dialects), as data.
//
// A field that a trunk leaves empty is that of its dialect; the generic one is
// what the RFCs have.
package dialect
