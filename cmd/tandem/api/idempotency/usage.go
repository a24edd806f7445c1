package idempotency

import "time"

// usage is what one caller has used in each hour of a day.
type usage struct {
	hours [24]struct {
		hour         int64
		keys, octets int
	}
}

// use counts what a caller uses, or refuses what is too much.
func (k *Keeper) use(who string, keys, octets int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	u := k.uses[who]
	if u == nil {
		u = &usage{}
		k.uses[who] = u
	}
	now := time.Now().Unix() / 3600
	n, size := keys, octets
	for _, h := range u.hours {
		if now-h.hour < int64(len(u.hours)) {
			n, size = n+h.keys, size+h.octets
		}
	}
	if n > maxKeys || size > maxOctets {
		return false
	}
	h := &u.hours[now%int64(len(u.hours))]
	if h.hour != now {
		h.hour, h.keys, h.octets = now, 0, 0
	}
	h.keys, h.octets = h.keys+keys, h.octets+octets
	return true
}
