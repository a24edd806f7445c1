package gateways

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
)

// Store keeps trunks durably. Methods return when the change is on disk.
type Store interface {
	Trunks(ctx context.Context, each func(Trunk)) error
	// PutTrunks inserts or replaces trunks, by name, all or none.
	PutTrunks(ctx context.Context, list []Trunk) error
	DeleteTrunk(ctx context.Context, name string) error
}

// Trunks is the working copy. Table takes no lock; changes are made one at a
// time, in the Store first, and count for the next call.
type Trunks struct {
	store Store
	log   *slog.Logger
	turn  chan struct{} // holds one element: whoever takes it may change
	table atomic.Pointer[Table]
	watch []func(*Table)
	tell  func(trunk string, s State, why string)
}

// New makes a working copy without trunks. Load fills it.
func New(store Store, log *slog.Logger) *Trunks {
	s := &Trunks{store: store, log: log, turn: make(chan struct{}, 1)}
	s.table.Store(newTable(nil, nil))
	s.turn <- struct{}{}
	return s
}

// Watch has f told each new Table, before the change that made it returns. It
// must be called before Load, and f must not change trunks.
func (s *Trunks) Watch(f func(*Table)) { s.watch = append(s.watch, f) }

// Tell has f told each new state of health of a trunk, with why for people. It must
// be called before Load, and f must be quick.
func (s *Trunks) Tell(f func(trunk string, s State, why string)) { s.tell = f }

// Table of the trunks now.
func (s *Trunks) Table() *Table { return s.table.Load() }

// Load reads everything from the Store.
func (s *Trunks) Load(ctx context.Context) error {
	_, done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	var list []Trunk
	err = s.store.Trunks(ctx, func(t Trunk) {
		if err := t.normalise(); err != nil { // by a newer program, or by hand
			s.log.Error("stored trunk left out", "trunk", t.Name, "err", err)
			return
		}
		list = append(list, t)
	})
	if err != nil {
		return fmt.Errorf("loading trunks: %w", err)
	}
	s.swap(list)
	return nil
}

// Add makes new trunks, all or none.
func (s *Trunks) Add(ctx context.Context, add ...Trunk) error {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	add = slices.Clone(add)
	list := s.list()
	for i := range add {
		if err := add[i].normalise(); err != nil {
			return err
		}
		if slices.ContainsFunc(list, func(t Trunk) bool { return t.Name == add[i].Name }) {
			return fmt.Errorf("trunk %q: %w: change it with set, or choose another name", add[i].Name, ErrExists)
		}
		list = append(list, add[i])
	}
	return s.put(ctx, list, add)
}

// find returns all trunks and the place of one.
func (s *Trunks) find(name string) (list []Trunk, i int, err error) {
	list = s.list()
	if i = slices.IndexFunc(list, func(t Trunk) bool { return t.Name == name }); i < 0 {
		err = unknown(name)
	}
	return list, i, err
}

// Change has f change a copy of a trunk. Its name stays.
func (s *Trunks) Change(ctx context.Context, name string, f func(*Trunk) error) error {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	list, i, err := s.find(name)
	if err != nil {
		return err
	}
	list[i] = list[i].clone()
	if err := f(&list[i]); err != nil {
		return err
	}
	list[i].Name = name
	if err := list[i].normalise(); err != nil {
		return err
	}
	return s.put(ctx, list, list[i:i+1])
}

// Remove ends a trunk. It leaves routing before Remove returns; calls under way
// on it go on.
func (s *Trunks) Remove(ctx context.Context, name string) error {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	list, i, err := s.find(name)
	if err != nil {
		return err
	}
	if err := s.store.DeleteTrunk(ctx, name); err != nil {
		return fmt.Errorf("removing trunk %q: %w", name, err)
	}
	s.swap(slices.Delete(list, i, i+1))
	s.log.Info("trunk removed", "trunk", name)
	return nil
}

func unknown(name string) error {
	return fmt.Errorf("trunk %q: %w: see the list of trunks", name, ErrUnknown)
}

// list is a copy of the trunks to work on.
func (s *Trunks) list() []Trunk {
	all := s.Table().All()
	list := make([]Trunk, len(all))
	for i, t := range all {
		list[i] = *t
	}
	return list
}

// put stores those of list that changed and puts list into memory.
func (s *Trunks) put(ctx context.Context, list, changed []Trunk) error {
	n := 0
	for _, t := range list {
		n += len(t.Prefixes) + len(t.Numbers)
	}
	if len(list) > MaxTrunks || n > MaxPrefixes {
		return fmt.Errorf("%w trunks or numbers: at most %d trunks, with %d prefixes and numbers together", ErrTooMany, MaxTrunks, MaxPrefixes)
	}
	if err := s.store.PutTrunks(ctx, changed); err != nil {
		return fmt.Errorf("storing trunks: %w", err)
	}
	s.swap(list)
	for _, t := range changed {
		s.log.Info("trunk set", "trunk", t.Name, "peer", strings.Join(t.Addresses, " "), "disabled", t.Disabled)
	}
	return nil
}

// swap puts a new table in place. Trunks that are gone or disabled say so at
// once, also to who still holds the table before.
func (s *Trunks) swap(list []Trunk) {
	old := s.Table()
	next := newTable(list, old)
	for _, t := range next.All() {
		t.live.telling(s.teller(t.Name))
		switch {
		case t.Disabled:
			t.live.set(&t.live.admin, Disabled)
		case t.Draining:
			t.live.set(&t.live.admin, Draining)
		default:
			t.live.set(&t.live.admin, Up)
		}
	}
	for _, t := range old.All() {
		if next.ByName(t.Name) == nil {
			t.live.set(&t.live.admin, Removed)
		}
	}
	s.table.Store(next)
	for _, f := range s.watch {
		f(next)
	}
}

// teller logs and tells the states of a trunk.
func (s *Trunks) teller(name string) func(State, string) {
	return func(state State, why string) {
		level := slog.LevelWarn
		if state == Up {
			level = slog.LevelInfo
		}
		s.log.Log(context.Background(), level, "trunk is "+state.String(), "trunk", name, "err", why)
		if s.tell != nil {
			s.tell(name, state, why)
		}
	}
}

// begin waits for the turn to change something; done gives it back. The change
// then goes through even when the caller does not wait for it, so that memory and
// Store stay alike: the context returned has no end.
func (s *Trunks) begin(ctx context.Context) (during context.Context, done func(), err error) {
	select {
	case <-s.turn:
		return context.WithoutCancel(ctx), func() { s.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return ctx, nil, fmt.Errorf("waiting for another change of the trunks: %w", ctx.Err())
	}
}
