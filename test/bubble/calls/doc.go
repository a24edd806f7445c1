// Package calls holds the tests of bindings, next hops and calls over the whole server,
// as their timers have it, in virtual time.
package calls
