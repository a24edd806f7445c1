package directory

import (
	"hash/maphash"
	"maps"
	"sync/atomic"
)

// shardCount balances the cost of a change, which copies one shard, against
// memory: 100,000 users make shards of a few hundred entries.
const shardCount = 256

// table is a map read without locks. A change replaces one shard by a changed
// copy; changes must not run at the same time.
type table[V any] struct {
	seed   maphash.Seed
	shards [shardCount]atomic.Pointer[map[string]V]
}

func (t *table[V]) init() {
	t.seed = maphash.MakeSeed()
	t.fill(nil)
}

func (t *table[V]) index(hash uint64) int { return int(hash % shardCount) }

// fill replaces the whole content.
func (t *table[V]) fill(all map[string]V) {
	var shards [shardCount]map[string]V
	for i := range shards {
		shards[i] = make(map[string]V, len(all)/shardCount)
	}
	for key, v := range all {
		shards[t.index(maphash.String(t.seed, key))][key] = v
	}
	for i := range shards {
		t.shards[i].Store(&shards[i])
	}
}

func (t *table[V]) get(key []byte) (V, bool) {
	v, ok := (*t.shards[t.index(maphash.Bytes(t.seed, key))].Load())[string(key)]
	return v, ok
}

func (t *table[V]) getString(key string) (V, bool) {
	v, ok := (*t.shards[t.index(maphash.String(t.seed, key))].Load())[key]
	return v, ok
}

// merge sets many keys, each shard copied once.
func (t *table[V]) merge(all map[string]V) {
	var next [shardCount]map[string]V
	for key, v := range all {
		i := t.index(maphash.String(t.seed, key))
		if next[i] == nil {
			next[i] = maps.Clone(*t.shards[i].Load())
		}
		next[i][key] = v
	}
	for i := range next {
		if next[i] != nil {
			t.shards[i].Store(&next[i])
		}
	}
}

func (t *table[V]) remove(key string) {
	p := &t.shards[t.index(maphash.String(t.seed, key))]
	next := maps.Clone(*p.Load())
	delete(next, key)
	p.Store(&next)
}
