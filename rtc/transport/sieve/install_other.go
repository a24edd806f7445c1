//go:build !linux

package sieve

// install: there are no filters outside Linux.
func (s *Sieve) install() bool { return false }
