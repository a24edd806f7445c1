package contacts

import (
	"slices"
	"sync"

	"tandem/rtc"
	"tandem/rtc/contacts/xcap"
)

// Bounds of what is kept read. A tree takes about ten times its document.
const (
	maxRecent       = 16
	maxRecentOctets = 128 << 10
)

// recent are the documents changed or looked into last, as they were read: a client
// that does so usually does it again. The zero value is ready.
type recent struct {
	mu sync.Mutex
	// Guarded by mu:
	list []readDocument // the latest last
}

type readDocument struct {
	Document
	tree *xcap.Tree
}

func (r *recent) get(k Key) (Document, *xcap.Tree) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.list {
		if r.list[i].Key == k {
			return r.list[i].Document, r.list[i].tree
		}
	}
	return Document{}, nil
}

func (r *recent) put(d Document, t *xcap.Tree) {
	if len(d.Body) > maxRecentOctets {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.DeleteFunc(r.list, func(o readDocument) bool { return o.Key == d.Key })
	if len(r.list) == maxRecent {
		r.list = slices.Delete(r.list, 0, 1)
	}
	r.list = append(r.list, readDocument{d, t})
}

func (r *recent) drop(k Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.DeleteFunc(r.list, func(d readDocument) bool { return d.Key == k })
}

func (r *recent) forget(user rtc.AOR) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.DeleteFunc(r.list, func(d readDocument) bool { return d.User == user })
}
