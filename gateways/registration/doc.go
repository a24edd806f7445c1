// Package registration keeps this server registered with the trunks that want it
// (RFC 3261 §10.2; for all numbers of a trunk at once RFC 6140).
//
// A Keeper registers, refreshes in time, keeps the way back open, and waits longer
// each time a provider refuses, as providers ban who asks on. It knows the state
// of each registration with what to do about it. It also tells which trunk a call
// was for that came in over a registration: the Contact it registers carries a
// mark that comes back in the Request-URI.
//
// It sends by rtc/uac and decides nothing about calls.
package registration
