package resolve

import (
	"container/list"
	"sync"
	"time"

	"github.com/miekg/dns"
)

type cacheKey struct {
	name  string
	qtype uint16
}

type cacheEntry struct {
	key     cacheKey
	rrs     []dns.RR // never changed
	err     error    // ErrNotFound or trouble, when rrs is empty
	expires time.Time
}

// cache keeps answers, also negative ones, until their time to live is over;
// when full, the one used longest ago goes.
type cache struct {
	now  func() time.Time
	max  int
	mu   sync.Mutex
	m    map[cacheKey]*list.Element
	used list.List // most recent first
}

func newCache(max int, now func() time.Time) *cache {
	return &cache{now: now, max: max, m: make(map[cacheKey]*list.Element)}
}

func (c *cache) get(k cacheKey) (e cacheEntry, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.m[k]
	if el == nil {
		return e, false
	}
	e = *el.Value.(*cacheEntry)
	if !c.now().Before(e.expires) {
		c.used.Remove(el)
		delete(c.m, k)
		return e, false
	}
	c.used.MoveToFront(el)
	return e, true
}

func (c *cache) put(k cacheKey, rrs []dns.RR, err error, ttl time.Duration) {
	if ttl <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &cacheEntry{k, rrs, err, c.now().Add(ttl)}
	if el := c.m[k]; el != nil {
		el.Value = e
		c.used.MoveToFront(el)
		return
	}
	if c.used.Len() >= c.max {
		last := c.used.Back()
		delete(c.m, last.Value.(*cacheEntry).key)
		c.used.Remove(last)
	}
	c.m[k] = c.used.PushFront(e)
}
