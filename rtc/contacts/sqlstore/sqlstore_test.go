package sqlstore

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"tandem/rtc/contacts"
	"tandem/rtc/contacts/storetest"
	"tandem/rtc/contacts/xcap"
	"tandem/rtc/store"
)

func open(t testing.TB) (s *Store, again func() *Store) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.db")
	var db *store.DB
	again = func() *Store {
		if db != nil {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if db, err = store.Open(context.Background(), "sqlite://"+path, slog.New(slog.DiscardHandler), Migrations); err != nil {
			t.Fatal(err)
		}
		return New(db)
	}
	s = again()
	t.Cleanup(func() { _ = db.Close() })
	return s, again
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (contacts.Store, func() contacts.Store) {
		s, again := open(t)
		return s, func() contacts.Store { return again() }
	})
}

// BenchmarkChange changes one node of a list of 1,000 contacts, durably.
func BenchmarkChange(b *testing.B) {
	db, err := store.Open(b.Context(), "sqlite://"+filepath.Join(b.TempDir(), "t.db"), slog.New(slog.DiscardHandler), Migrations)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	book := contacts.New(New(db), nil)
	doc := []byte(`<resource-lists xmlns="` + xcap.ListsSpace + `"><list name="all">`)
	for i := range 1000 {
		doc = fmt.Appendf(doc, `<entry uri="sip:user%d@example.com"><display-name>User Number %d</display-name></entry>`, i, i)
	}
	key := contacts.Key{User: "sip:alice@example.com", Usage: xcap.ResourceLists.ID, Name: contacts.Index}
	if _, _, err := book.Change(b.Context(), key, nil, func([]byte) ([]byte, error) {
		return append(doc, "</list></resource-lists>"...), nil
	}); err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		uri := fmt.Sprintf("sip:user%d@example.com", n%1000)
		s, err := xcap.ParseSelector(`resource-lists/list[@name="all"]/entry[@uri="`+uri+`"]`, "", xcap.ListsSpace)
		if err != nil {
			b.Fatal(err)
		}
		_, _, err = book.ChangeTree(b.Context(), key, nil, func(old *xcap.Tree) (*xcap.Tree, error) {
			changed, _, err := xcap.ResourceLists.Put(old, s, fmt.Appendf(nil, `<entry uri="%s"><display-name>Name %d</display-name></entry>`, uri, n))
			return changed, err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
