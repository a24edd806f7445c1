package event

import (
	"slices"
	"sync"

	"tandem/rtc"
)

// Endings are why the last parts of documents ended: when a Package.Difference tells of
// them, what knew may be no more.
type Endings struct {
	mu sync.Mutex
	m  map[rtc.AOR][]ending // guarded by mu; the latest last
}

type ending struct{ id, why string }

// Bounds of Endings.
const (
	maxEndings   = 64   // of a resource
	maxResources = 1024 // others are forgotten
)

// NewEndings makes some.
func NewEndings() *Endings { return &Endings{m: make(map[rtc.AOR][]ending)} }

// Add notes why a part of a resource ended.
func (e *Endings) Add(resource rtc.AOR, id, why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := e.m[resource]
	if list == nil && len(e.m) == maxResources {
		clear(e.m)
	}
	if len(list) == maxEndings {
		list = slices.Delete(list, 0, 1)
	}
	e.m[resource] = append(list, ending{id, why})
}

// Of is why a part ended last, "" when that is long ago.
func (e *Endings) Of(resource rtc.AOR, id string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range slices.Backward(e.m[resource]) {
		if x.id == id {
			return x.why
		}
	}
	return ""
}
