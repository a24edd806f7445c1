package sieve

import (
	"iter"
	"net/netip"
	"syscall"
	"time"
)

// Config says what passes.
type Config struct {
	Senders *Senders
	// Peers are networks from which everything passes; nil: none.
	Peers iter.Seq[netip.Prefix]
	// Begins are what datagrams begin with that pass whoever sends them.
	Begins []string
}

// maxNetworks bounds the Peers of more than one address; with more there is no filter.
const maxNetworks = 64

// Sieve is the filter of one socket. Its methods are for the socket's reader alone.
type Sieve struct {
	cfg     *Config
	raw     syscall.RawConn
	level   int       // one of 1<<level unknown datagrams passes; 0: all, there is no filter
	moved   time.Time // the level was changed
	built   time.Time
	version uint32 // of the senders, when it was built
	broken  bool   // the kernel takes no filter
}

// How a sieve is moved.
const (
	maxLevel   = 10
	finerEvery = 50 * time.Millisecond
	widerEvery = time.Second
	builtEvery = time.Second // at most, for senders that have become known
)

// New makes the sieve of a socket; everything passes.
func New(raw syscall.RawConn, cfg *Config) *Sieve { return &Sieve{cfg: cfg, raw: raw} }

// On reports whether there is a filter.
func (s *Sieve) On() bool { return s != nil && s.level > 0 }

// Adjust makes it finer while the reader itself drops nearly all of the unknown that
// passes, and wider while it drops nothing. dropped is the part that it drops.
func (s *Sieve) Adjust(dropped float64, now time.Time) {
	if s == nil || s.broken {
		return
	}
	level := s.level
	switch since := now.Sub(s.moved); {
	case dropped > 0.9 && level < maxLevel && since >= finerEvery:
		level++
	case dropped == 0 && level > 0 && since >= widerEvery:
		level--
	}
	news := level > 0 && s.version != s.cfg.Senders.changes() && now.Sub(s.built) >= builtEvery
	if level == s.level && !news {
		return
	}
	if level != s.level {
		s.moved = now
	}
	s.level, s.built, s.version = level, now, s.cfg.Senders.changes()
	if !s.install() {
		s.level, s.broken = 0, true
		_ = s.install() // without a filter of before
	}
}
