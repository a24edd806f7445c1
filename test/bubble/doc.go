// Package bubble is the whole server in virtual time, for tests: World, a server in a
// testing/synctest bubble with phones that are looked at (Phone) or hold dialogs (User).
// What is said there takes as long as its computation, and comes out the same on any
// machine.
//
// The packages below it hold the tests, by what they are about.
package bubble
