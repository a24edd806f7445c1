package provision

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"tandem/sipphone"
	"tandem/sipphone/family"
	"tandem/sipphone/inventory"
)

// ledger writes down which files phones got, when they differ from those before.
// It may miss some under load: then diff shows more than there is.
type ledger struct {
	seed  maphash.Seed
	queue chan inventory.Served

	mu    *sync.Mutex
	known map[sipphone.MAC]map[string]uint64 // hash of what was written
}

// maxLedger is how many files may wait to be written down.
const maxLedger = 4096

func newLedger() ledger {
	return ledger{seed: maphash.MakeSeed(), queue: make(chan inventory.Served, maxLedger), mu: new(sync.Mutex), known: make(map[sipphone.MAC]map[string]uint64)}
}

// note notes a file that a phone gets; secrets are masked before it is kept.
func (l *ledger) note(mac sipphone.MAC, file string, b []byte, secrets []string) {
	hash := maphash.Bytes(l.seed, b)
	l.mu.Lock()
	known := l.known[mac]
	if known == nil {
		known = make(map[string]uint64)
		l.known[mac] = known
	}
	same := known[file] == hash
	l.mu.Unlock()
	if same {
		return
	}
	select {
	case l.queue <- inventory.Served{MAC: mac, File: file, Text: family.Masked(b, secrets...), At: time.Now()}:
		l.mu.Lock()
		known[file] = hash
		l.mu.Unlock()
	default:
	}
}

func (l *ledger) run(ctx context.Context, v *inventory.Inventory, log *slog.Logger) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-l.queue:
			if err := v.Served(ctx, s); err != nil && ctx.Err() == nil {
				log.Warn("writing down the file of a phone", "mac", s.MAC, "err", err)
			}
		}
	}
}
