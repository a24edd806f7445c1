//go:build !linux

package sieve

// install always fails: there are no filters outside Linux.
func (s *Sieve) install() bool { return false }
