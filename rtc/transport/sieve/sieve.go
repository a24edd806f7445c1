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
	// Peers are networks from which everything passes; nil = none.
	Peers iter.Seq[netip.Prefix]
	// Begins are beginnings of datagrams that pass from any sender.
	Begins []string
}

// maxNetworks limits the Peers with more than one address; with more of them there is
// no filter.
const maxNetworks = 64

// Sieve is the filter of one socket. Only the socket's reader calls its methods.
type Sieve struct {
	cfg     *Config
	raw     syscall.RawConn
	level   int       // one of 1<<level unknown datagrams passes; at 0 all do, without a filter
	moved   time.Time // when the level was last changed
	built   time.Time
	version uint32 // version of the senders when the filter was built
	broken  bool   // the kernel accepts no filter
}

// How quickly a sieve changes.
const (
	maxLevel   = 10
	finerEvery = 50 * time.Millisecond
	widerEvery = time.Second
	builtEvery = time.Second // the least time between rebuilds for new known senders
)

// New makes the sieve of a socket. Everything passes at first.
func New(raw syscall.RawConn, cfg *Config) *Sieve { return &Sieve{cfg: cfg, raw: raw} }

// On reports whether there is a filter.
func (s *Sieve) On() bool { return s != nil && s.level > 0 }

// Adjust lets fewer strangers pass while the reader itself drops nearly all of those
// that pass, and more while it drops none. dropped is the share that the reader drops,
// 0 to 1.
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
		_ = s.install() // without the previous filter
	}
}
