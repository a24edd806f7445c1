package guard

import (
	"net/netip"
	"sync"
	"time"

	"tandem/sipphone"
)

// Takers are the addresses that took the passwords of phones by their windows. A window
// is for one device: another that says it has the same MAC gets nothing until it is
// opened again. The zero value is ready; it is safe for concurrent use.
type Takers struct {
	mu   sync.Mutex
	list map[sipphone.MAC]taker
}

type taker struct {
	from   netip.Addr
	window time.Time // the end of the one it came through
}

// maxTakers is how many are kept before those whose window is over are forgotten.
const maxTakers = 1024

// May reports whether an address may come through the window of a phone that ends then,
// and else who came before it.
func (t *Takers) May(mac sipphone.MAC, from netip.Addr, window time.Time) (first netip.Addr, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.allowed(mac, from, window)
}

func (t *Takers) allowed(mac sipphone.MAC, from netip.Addr, window time.Time) (first netip.Addr, ok bool) {
	old, taken := t.list[mac]
	return old.from, !taken || old.from == from || window.After(old.window)
}

// Take notes that an address takes the passwords, and does what May does: of two that
// come at once, one takes them.
func (t *Takers) Take(mac sipphone.MAC, from netip.Addr, window time.Time) (first netip.Addr, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if first, ok = t.allowed(mac, from, window); !ok {
		return first, false
	}
	if t.list == nil {
		t.list = make(map[sipphone.MAC]taker)
	}
	if len(t.list) >= maxTakers {
		now := time.Now()
		for mac, old := range t.list {
			if now.After(old.window) {
				delete(t.list, mac)
			}
		}
	}
	t.list[mac] = taker{from, window}
	return from, true
}
