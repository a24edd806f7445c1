// Package process keeps the process within what the machine gives it: descriptors, memory,
// lines of its log; and tells systemd how it is. It knows nothing of what the server does.
package process

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// MaxWarnings is how many lines a second one message may fill, from warnings
// on. Strangers cause some, and the disk is not theirs to fill.
const MaxWarnings = 20

// throttle is a log that leaves out what exceeds MaxWarnings, and says with the
// message's next line how many that were. Messages are constant, so they are few.
type throttle struct {
	slog.Handler
	kinds *kinds
}

type kinds struct {
	mu sync.Mutex
	m  map[string]*kind
}

// kind counts the lines of one message in one second.
type kind struct {
	second   int64
	n, after int // told, left out
}

// Throttled is a log that leaves out what is beyond MaxWarnings.
func Throttled(log *slog.Logger) *slog.Logger {
	return slog.New(throttle{log.Handler(), &kinds{m: make(map[string]*kind)}})
}

// Handle implements slog.Handler.
func (t throttle) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return t.Handler.Handle(ctx, r)
	}
	ok, after := t.kinds.admit(r.Message)
	if !ok {
		return nil
	}
	if after > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", after))
	}
	return t.Handler.Handle(ctx, r)
}

// admit tells whether a message may be told, and how many before it were not.
func (k *kinds) admit(message string) (ok bool, after int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	x := k.m[message]
	if x == nil {
		x = &kind{}
		k.m[message] = x
	}
	if now := time.Now().Unix(); x.second != now {
		after = x.after
		*x = kind{second: now}
	}
	if x.n++; x.n > MaxWarnings {
		x.after++
		return false, 0
	}
	return true, after
}

// WithAttrs implements slog.Handler.
func (t throttle) WithAttrs(a []slog.Attr) slog.Handler {
	return throttle{t.Handler.WithAttrs(a), t.kinds}
}

// WithGroup implements slog.Handler.
func (t throttle) WithGroup(name string) slog.Handler {
	return throttle{t.Handler.WithGroup(name), t.kinds}
}
