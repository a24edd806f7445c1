// Package guard keeps those out who ask for the files of others: addresses that ask for
// too many different ones in vain, and second devices that come through the window of a
// phone.
//
// It knows nothing of files and proofs. Whoever gives files asks it.
package guard
