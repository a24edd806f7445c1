package contacts_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/storetest"
	"tandem/rtc/contacts/xcap"
)

const alice rtc.AOR = "sip:alice@example.com"

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (contacts.Store, func() contacts.Store) {
		s := contacts.NewMemory()
		return s, func() contacts.Store { return s }
	})
}

func set(t *testing.T, b *contacts.Book, list ...contacts.Contact) int64 {
	t.Helper()
	v, err := b.Edit(t.Context(), alice, nil, list, nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func list(t *testing.T, b *contacts.Book) []contacts.Contact {
	t.Helper()
	got, _, err := b.Contacts(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Contacts that are set are there, in their groups, with all that belongs to
// them; a change moves them, and the differences are told.
func TestContacts(t *testing.T) {
	b := contacts.New(contacts.NewMemory(), nil)
	var events []contacts.Event
	b.Watch(func(e contacts.Event) { events = append(events, e) })
	bob := contacts.Contact{Address: "sip:bob@example.com", Name: `Bob "B" <&>`, Groups: []string{"friends", "team"}, Numbers: []string{"+49301234567"}, Settings: map[string]string{"ring": "loud & long"}}
	carol := contacts.Contact{Address: "sip:Carol@Example.com", Name: "Carol"}
	v1 := set(t, b, carol, bob)
	carol.Groups = []string{contacts.DefaultGroup}
	if got := list(t, b); !reflect.DeepEqual(got, []contacts.Contact{carol, bob}) {
		t.Fatalf("got %+v", got)
	}
	if !b.Has(alice, "sip:bob@example.com") || !b.Has(alice, "sip:Carol@example.com") || b.Has(alice, "sip:dave@example.com") || b.Has("sip:bob@example.com", alice) {
		t.Error("who is a contact is not known")
	}
	bob.Groups, bob.Name = []string{"family", "team"}, "Bob"
	v2 := set(t, b, bob)
	if got := list(t, b); !reflect.DeepEqual(got, []contacts.Contact{carol, bob}) {
		t.Errorf("after the move %+v", got)
	}
	if _, err := b.Edit(t.Context(), alice, nil, nil, []string{"sip:Carol@Example.com"}); err != nil {
		t.Fatal(err)
	}
	if b.Has(alice, "sip:Carol@example.com") {
		t.Error("Carol is still a contact")
	}
	changes, complete, err := b.Since(t.Context(), alice, v1)
	var kinds []string
	for _, c := range changes {
		kinds = append(kinds, string(c.Kind)+" "+c.Address)
	}
	if err != nil || !complete || !slices.Equal(kinds, []string{"changed sip:bob@example.com", "removed sip:Carol@Example.com"}) || changes[0].Version != v2 {
		t.Errorf("since: %v %v %v", kinds, complete, err)
	}
	if len(events) != 3 || events[0].Before != 0 || events[1].Before != v1 || events[1].After != v2 {
		t.Errorf("events %+v", events)
	}
	if _, err := b.Edit(t.Context(), alice, nil, nil, []string{"sip:nobody@example.com"}); !errors.Is(err, contacts.ErrUnknown) {
		t.Errorf("removing nobody: %v", err)
	}
	for _, bad := range []string{"", "bob", "http://x", "sip:"} {
		if _, err := b.Edit(t.Context(), alice, nil, []contacts.Contact{{Address: bad}}, nil); !errors.Is(err, contacts.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// What an XCAP client wrote stays, octet by octet, where the API changes
// something else.
func TestDocumentStays(t *testing.T) {
	b := contacts.New(contacts.NewMemory(), nil)
	doc := `<?xml version="1.0"?>
<r:resource-lists xmlns:r="urn:ietf:params:xml:ns:resource-lists" xmlns:x="urn:client"><!-- mine -->
  <r:list name="friends" x:colour="red"><r:entry uri='sip:bob@example.com'><r:display-name>Bob</r:display-name><x:avatar>1</x:avatar></r:entry>
    <r:list name="best"><r:entry uri="sip:dave@example.com"/></r:list></r:list>
  <r:list name="empty"/>
</r:resource-lists>`
	key := contacts.Key{User: alice, Usage: "resource-lists", Name: contacts.Index}
	if _, created, err := b.Change(t.Context(), key, nil, func([]byte) ([]byte, error) { return []byte(doc), nil }); err != nil || !created {
		t.Fatal(created, err)
	}
	want := []contacts.Contact{{Address: "sip:bob@example.com", Name: "Bob", Groups: []string{"friends"}}, {Address: "sip:dave@example.com", Groups: []string{"friends/best"}}}
	if got := list(t, b); !reflect.DeepEqual(got, want) {
		t.Fatalf("read as %+v", got)
	}
	set(t, b, contacts.Contact{Address: "sip:erin@example.com", Groups: []string{"empty", "friends/best"}}, contacts.Contact{Address: "sip:bob@example.com", Name: "Robert", Groups: []string{"friends"}})
	d, err := b.Document(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`<!-- mine -->`, `<r:list name="friends" x:colour="red">`, `<x:avatar>1</x:avatar>`, `<r:list name="best"><r:entry uri="sip:dave@example.com"/><entry xmlns=`, "Robert", `</r:list></r:list>`} {
		if !strings.Contains(string(d.Body), part) {
			t.Errorf("without %s:\n%s", part, d.Body)
		}
	}
	if got := list(t, b); len(got) != 3 || !slices.Equal(got[2].Groups, []string{"empty", "friends/best"}) {
		t.Errorf("then %+v", got)
	}
}

// Two clients that change one list at the same time: each change counts, or is
// told that it came too late.
func TestTwoClients(t *testing.T) {
	b := contacts.New(contacts.NewMemory(), nil)
	start := set(t, b, contacts.Contact{Address: "sip:first@example.com"})
	var wg sync.WaitGroup
	var won, lost sync.Map
	for i := range 20 {
		wg.Go(func() {
			_, err := b.Edit(t.Context(), alice, func(old *contacts.Document) error {
				if old.Version != start {
					return contacts.ErrPrecondition
				}
				return nil
			}, []contacts.Contact{{Address: fmt.Sprint("sip:u", i, "@example.com")}}, nil)
			switch {
			case err == nil:
				won.Store(i, true)
			case errors.Is(err, contacts.ErrPrecondition):
				lost.Store(i, true)
			default:
				t.Error(err)
			}
		})
		wg.Go(func() {
			if _, err := b.Edit(t.Context(), "sip:other@example.com", nil, []contacts.Contact{{Address: fmt.Sprint("sip:u", i, "@example.com")}}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	count := func(m *sync.Map) (n int) {
		m.Range(func(any, any) bool { n++; return true })
		return n
	}
	if count(&won) != 1 || count(&lost) != 19 || len(list(t, b)) != 2 {
		t.Errorf("%d won, %d lost, %d contacts", count(&won), count(&lost), len(list(t, b)))
	}
	if others, _, _ := b.Contacts(t.Context(), "sip:other@example.com"); len(others) != 20 {
		t.Errorf("%d without condition", len(others))
	}
}

// Who reads nodes while others change them sees each version once it is acknowledged,
// never an older one afterwards, and no change is lost by what is kept for reading.
func TestTreeIsNeverStale(t *testing.T) {
	b := contacts.New(contacts.NewMemory(), nil)
	k := contacts.Key{User: alice, Usage: xcap.ResourceLists.ID, Name: contacts.Index}
	if _, _, err := b.Tree(t.Context(), k); !errors.Is(err, contacts.ErrUnknown) {
		t.Errorf("there is no document: %v", err)
	}
	set(t, b, contacts.Contact{Address: "sip:first@example.com"})
	const changes = 50
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range changes {
				address := fmt.Sprintf("sip:u%d.%d@example.com", i, j)
				v, err := b.Edit(t.Context(), alice, nil, []contacts.Contact{{Address: address}}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				d, tree, err := b.Tree(t.Context(), k)
				if err != nil || d.Version < v || !strings.Contains(string(tree.Doc), address) || string(tree.Doc) != string(d.Body) {
					t.Errorf("version %d after %d was acknowledged, %v", d.Version, v, err)
				}
			}
		})
		wg.Go(func() { // somebody whose documents push those of alice out
			for j := range 40 {
				other := contacts.Key{User: rtc.AOR(fmt.Sprintf("sip:o%d.%d@example.com", i, j)), Usage: k.Usage, Name: k.Name}
				if _, err := b.Edit(t.Context(), other.User, nil, []contacts.Contact{{Address: "sip:x@example.com"}}, nil); err != nil {
					t.Error(err)
				}
				if _, _, err := b.Tree(t.Context(), other); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(list(t, b)); n != 1+4*changes {
		t.Errorf("%d contacts", n)
	}
	if err := b.Forget(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Tree(t.Context(), k); !errors.Is(err, contacts.ErrUnknown) {
		t.Errorf("the user is no more: %v", err)
	}
}

func TestManyContacts(t *testing.T) {
	b := contacts.New(contacts.NewMemory(), nil)
	many := make([]contacts.Contact, contacts.MaxContacts+1)
	for i := range many {
		many[i] = contacts.Contact{Address: fmt.Sprint("sip:u", i, "@example.com"), Name: "U"}
	}
	if _, err := b.Edit(t.Context(), alice, nil, many, nil); !errors.Is(err, contacts.ErrTooMany) {
		t.Errorf("too many: %v", err)
	}
	set(t, b, many[:1000]...)
	if got := list(t, b); len(got) != 1000 {
		t.Errorf("%d contacts", len(got))
	}
	d, _ := b.Document(t.Context(), contacts.Key{User: alice, Usage: "resource-lists", Name: contacts.Index})
	if err := xcap.ResourceLists.Validate(d.Body); err != nil {
		t.Error(err)
	}
}
