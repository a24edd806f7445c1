package group_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"tandem/telephony/group"
)

const sales = "sip:sales@example.com"

func table(t *testing.T, s group.Store) *group.Table {
	t.Helper()
	table := group.New(s, slog.New(slog.DiscardHandler))
	if err := table.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return table
}

// What is changed holds at once and after a restart; what is held before does not change.
func TestChange(t *testing.T) {
	store := group.NewMemory()
	one := table(t, store)
	if err := one.Add(t.Context(), group.Group{AOR: sales, Members: []string{"alice"}, Numbers: []string{"200"}}); err != nil {
		t.Fatal(err)
	}
	before := one.Group(sales)
	err := one.Change(t.Context(), sales, func(g *group.Group) error {
		g.Members = append(g.Members, "bob")
		g.Numbers[0] = "300"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(before.Members) != 1 || before.Numbers[0] != "200" {
		t.Errorf("what is held has changed: %+v", before)
	}
	for _, c := range []*group.Table{one, table(t, store)} {
		if g := c.Number("300"); g == nil || len(g.Members) != 2 || g.Hunt != group.Parallel || g.Ring() != group.DefaultRing || c.Number("200") != nil {
			t.Errorf("%+v", g)
		}
	}
	if err := one.Remove(t.Context(), sales); err != nil || len(one.All()) != 0 || len(table(t, store).All()) != 0 {
		t.Errorf("after Remove: %v, %d", err, len(one.All()))
	}
}

// What makes no sense changes nothing.
func TestBadChange(t *testing.T) {
	store := group.NewMemory()
	s := table(t, store)
	if err := s.Add(t.Context(), group.Group{AOR: "sip:other@example.com", Numbers: []string{"200"}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		g    group.Group
		want error
	}{
		{group.Group{AOR: "sip:other@example.com"}, group.ErrExists},
		{group.Group{AOR: sales, Numbers: []string{"200"}}, group.ErrExists},
		{group.Group{AOR: sales, Hunt: "round"}, group.ErrInvalid},
		{group.Group{AOR: sales, RingTime: time.Second}, group.ErrInvalid},
		{group.Group{AOR: sales, Members: []string{"a", "a"}}, group.ErrInvalid},
		{group.Group{AOR: sales, Members: []string{sales}}, group.ErrInvalid},
		{group.Group{AOR: sales, Members: []string{""}}, group.ErrInvalid},
		{group.Group{AOR: sales, Overflow: "a\r\nb"}, group.ErrInvalid},
		{group.Group{AOR: sales, Members: make([]string, group.MaxMembers+1)}, group.ErrInvalid},
	} {
		if err := s.Add(t.Context(), c.g); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.g, err, c.want)
		}
	}
	if len(s.All()) != 1 || len(table(t, store).All()) != 1 {
		t.Errorf("%d groups", len(s.All()))
	}
	for _, err := range []error{s.Remove(t.Context(), sales), s.Change(t.Context(), sales, func(*group.Group) error { return nil })} {
		if !errors.Is(err, group.ErrUnknown) {
			t.Errorf("of nobody: %v", err)
		}
	}
}
