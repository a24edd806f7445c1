// Package load is what servers are loaded with: registrations, messages and calls, as
// fast as they are answered or at a rate. Both ends are played here, with few system
// calls, since they must cost less than the server does.
package load
