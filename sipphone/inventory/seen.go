package inventory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tandem/sipphone"
	"tandem/sipphone/family"
)

// Note notes what a phone was seen doing. It costs no write: Run keeps it soon.
func (v *Inventory) Note(s Seen) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.phones[s.MAC] == nil {
		return
	}
	old := v.seen[s.MAC]
	if s.Model == "" {
		s.Model = old.Model
	}
	if s.Firmware == "" {
		s.Firmware = old.Firmware
	}
	s.Registered = old.Registered
	v.seen[s.MAC], v.dirty[s.MAC] = s, true
}

// Registered notes that a phone has registered, from where, and what it calls itself:
// phones that ask for no files, or for files over TFTP, tell that nowhere else.
func (v *Inventory) Registered(mac sipphone.MAC, agent string, a family.Agent, from string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.phones[mac] == nil {
		return
	}
	s := v.seen[mac]
	s.MAC, s.Agent, s.From, s.Registered = mac, agent, from, time.Now()
	s.Model, s.Firmware = cmp.Or(a.Model, s.Model), cmp.Or(a.Firmware, s.Firmware)
	v.seen[mac], v.dirty[mac] = s, true
}

// LastSeen is what a phone was last seen doing.
func (v *Inventory) LastSeen(mac sipphone.MAC) (Seen, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s, ok := v.seen[mac]
	return s, ok
}

// Served remembers a file as a phone got it, its secrets masked.
func (v *Inventory) Served(ctx context.Context, s Served) error { return v.cfg.Store.PutServed(ctx, s) }

// ServedFiles are the files as a phone last got them.
func (v *Inventory) ServedFiles(ctx context.Context, mac sipphone.MAC) ([]Served, error) {
	return v.cfg.Store.Served(ctx, mac)
}

// keepEvery is how long what was seen may be lost when the program dies.
const keepEvery = 30 * time.Second

// Run keeps what was seen, until ctx ends and once more then.
func (v *Inventory) Run(ctx context.Context) error {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return v.keepSeen(context.WithoutCancel(ctx))
		case <-tick.C:
			if err := v.keepSeen(ctx); err != nil {
				v.cfg.Log.Warn("keeping what phones did", "err", err)
			}
		}
	}
}

// maxRows is how many rows go into one transaction.
const maxRows = 1000

func (v *Inventory) keepSeen(ctx context.Context) error {
	v.mu.Lock()
	var list []Seen
	for mac := range v.dirty {
		list = append(list, v.seen[mac])
	}
	clear(v.dirty)
	v.mu.Unlock()
	for part := range slices.Chunk(list, maxRows) {
		if err := v.cfg.Store.PutSeen(ctx, part); err != nil {
			v.mu.Lock()
			for _, s := range list {
				if v.phones[s.MAC] != nil {
					v.dirty[s.MAC] = true
				}
			}
			v.mu.Unlock()
			return err
		}
	}
	return nil
}

// Unknown is a device that asked for files and is not in the inventory.
type Unknown struct {
	MAC    sipphone.MAC
	Family string // as far as its requests tell, "" when they do not
	Model  string
	Agent  string
	From   string
	File   string
	First  time.Time
	Last   time.Time
	Count  int
}

// maxInbox bounds the inbox; the one unseen for longest makes room.
const maxInbox = 1000

type inbox struct{ list map[sipphone.MAC]*Unknown }

func (b *inbox) take(mac sipphone.MAC) { delete(b.list, mac) }

// Ask puts a device into the inbox, or notes that it asked again.
func (v *Inventory) Ask(u Unknown) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.phones[u.MAC] != nil {
		return
	}
	u.First, u.Last, u.Count = time.Now(), time.Now(), 1
	if old := v.inbox.list[u.MAC]; old != nil {
		u.First, u.Count = old.First, old.Count+1
		if u.Family == "" {
			u.Family = old.Family
		}
		if u.Model == "" {
			u.Model = old.Model
		}
	} else if len(v.inbox.list) >= maxInbox {
		var oldest *Unknown
		for _, o := range v.inbox.list {
			if oldest == nil || o.Last.Before(oldest.Last) {
				oldest = o
			}
		}
		v.inbox.take(oldest.MAC)
	}
	v.inbox.list[u.MAC] = &u
}

// Inbox lists the devices that wait to be adopted, the latest first.
func (v *Inventory) Inbox() []Unknown {
	v.mu.RLock()
	defer v.mu.RUnlock()
	list := make([]Unknown, 0, len(v.inbox.list))
	for _, u := range v.inbox.list {
		list = append(list, *u)
	}
	slices.SortFunc(list, func(a, b Unknown) int { return b.Last.Compare(a.Last) })
	return list
}

func (v *Inventory) adopted(mac sipphone.MAC) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.inbox.take(mac)
}
