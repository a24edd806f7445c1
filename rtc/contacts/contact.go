package contacts

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"tandem/rtc"
	"tandem/rtc/contacts/xcap"
	"tandem/rtc/sip"
)

// Contact is an entry of a user's contact list.
type Contact struct {
	Address  string            // URI: "sip:bob@example.com", "tel:+49301234567"
	Name     string            // as the user calls it
	Groups   []string          // the lists it stands in; none: DefaultGroup
	Numbers  []string          // telephone numbers
	Settings map[string]string // what clients keep with it, such as a ring tone
}

// DefaultGroup is the list of contacts that are in no other.
const DefaultGroup = "contacts"

// detailSpace is the namespace of what we keep beside an entry (RFC 4826 §3.2
// allows elements of others there).
const detailSpace = "urn:tandem:contacts"

// AOR of the contact.
func (c *Contact) AOR() rtc.AOR { return AORof(c.Address) }

func (c *Contact) equal(o *Contact) bool {
	return c.Name == o.Name && slices.Equal(c.Groups, o.Groups) && slices.Equal(c.Numbers, o.Numbers) && maps.Equal(c.Settings, o.Settings)
}

// complete checks a contact to be kept, and fills in what is left out.
func (c *Contact) complete() error {
	u, err := sip.ParseURI([]byte(c.Address))
	if err != nil || u.Kind == sip.URIOther && !strings.HasPrefix(c.Address, "mailto:") {
		return fmt.Errorf("%w: address %q is not a SIP or tel URI, such as sip:bob@example.com", ErrInvalid, c.Address)
	}
	if len(c.Groups) == 0 {
		c.Groups = []string{DefaultGroup}
	}
	slices.Sort(c.Groups)
	c.Groups = slices.Compact(c.Groups)
	texts := append(append([]string{c.Address, c.Name}, c.Groups...), c.Numbers...)
	for k, v := range c.Settings {
		texts = append(texts, k, v)
	}
	for _, t := range texts {
		if len(t) > 1024 || !utf8.ValidString(t) || strings.ContainsFunc(t, func(r rune) bool { return r < ' ' || r == 0xfffe || r == 0xffff }) {
			return fmt.Errorf("%w: a text of %s is longer than 1024 octets, or holds control characters", ErrInvalid, c.Address)
		}
	}
	if len(texts) > 128 || slices.Contains(c.Groups, "") {
		return fmt.Errorf("%w: %s has more than 128 texts, or a group without name", ErrInvalid, c.Address)
	}
	return nil
}

// Contacts of a user, by address, and the version they are of; 0 while there are
// none.
func (b *Book) Contacts(ctx context.Context, user rtc.AOR) ([]Contact, int64, error) {
	d, ok, err := b.store.Document(ctx, listOf(user))
	if err != nil || !ok {
		return nil, 0, err
	}
	list, err := parse(d.Body)
	return list, d.Version, err
}

func listOf(user rtc.AOR) Key { return Key{user, xcap.ResourceLists.ID, Index} }

// Edit puts contacts in place of those of the same address, and removes others,
// all or none. It returns the version they are of then.
func (b *Book) Edit(ctx context.Context, user rtc.AOR, when Condition, set []Contact, remove []string) (int64, error) {
	set = slices.Clone(set)
	for i := range set {
		if err := set[i].complete(); err != nil {
			return 0, err
		}
	}
	d, _, err := b.change(ctx, Event{Key: listOf(user), Edited: true}, when, asTree(func(old []byte) ([]byte, error) {
		body, err := edit(old, set, remove)
		if err == nil {
			err = xcap.ResourceLists.Validate(body)
		}
		return body, err
	}))
	return d.Version, err
}

// Since tells what became of contacts after a version; complete is false when
// that is so long ago that only the whole list helps.
func (b *Book) Since(ctx context.Context, user rtc.AOR, version int64) (list []Change, complete bool, err error) {
	list, from, err := b.store.Changes(ctx, user, version)
	return list, err == nil && version >= from, err
}

// parse reads the contacts of a document, nil when it is nil.
func parse(doc []byte) ([]Contact, error) {
	if doc == nil {
		return nil, nil
	}
	root, err := xcap.Parse(doc)
	if err != nil {
		return nil, err
	}
	r := reader{doc: doc, at: make(map[string]int)}
	return r.read(root), nil
}

// reader collects contacts, each once however many lists it is in.
type reader struct {
	doc      []byte
	at       map[string]int // of contacts, by address
	contacts []Contact
	only     map[string]bool // addresses that are read, nil: all
	entries  int             // that were seen
}

// read returns the contacts in the order of their addresses.
func (r *reader) read(root *xcap.Element) []Contact {
	for _, l := range root.Children {
		r.list(l, "")
	}
	slices.SortFunc(r.contacts, func(a, b Contact) int { return strings.Compare(a.Address, b.Address) })
	return r.contacts
}

// list reads a list and those in it. Groups within groups are named "a/b".
func (r *reader) list(l *xcap.Element, above string) {
	if l.Space != xcap.ListsSpace || l.Name != "list" {
		return
	}
	name, _ := l.Attr("name")
	if above != "" {
		name = above + "/" + name
	}
	for _, e := range l.Children {
		r.list(e, name)
		uri, ok := e.Attr("uri")
		if e.Space != xcap.ListsSpace || e.Name != "entry" || !ok {
			continue
		}
		if r.entries++; r.only != nil && !r.only[uri] {
			continue
		}
		i, again := r.at[uri]
		if !again {
			i = len(r.contacts)
			r.at[uri] = i
			r.contacts = append(r.contacts, r.entry(e, uri))
		}
		c := &r.contacts[i]
		if name != "" && !slices.Contains(c.Groups, name) {
			c.Groups = append(c.Groups, name)
			slices.Sort(c.Groups)
		}
	}
}

func (r *reader) entry(e *xcap.Element, uri string) Contact {
	c := Contact{Address: uri}
	for _, x := range e.Children {
		switch {
		case x.Space == xcap.ListsSpace && x.Name == "display-name":
			c.Name = strings.TrimSpace(x.Text(r.doc))
		case x.Space == detailSpace && x.Name == "details":
			for _, d := range x.Children {
				switch name, _ := d.Attr("name"); d.Name {
				case "number":
					c.Numbers = append(c.Numbers, d.Text(r.doc))
				case "setting":
					if c.Settings == nil {
						c.Settings = make(map[string]string)
					}
					c.Settings[name] = d.Text(r.doc)
				}
			}
		}
	}
	return c
}

// differences between two lists that are in order.
func differences(before, after []Contact, version int64) (list []Change) {
	for len(before)+len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0].Address < after[0].Address:
			list = append(list, Change{version, Removed, before[0].Address})
			before = before[1:]
		case len(before) == 0 || after[0].Address < before[0].Address:
			list = append(list, Change{version, Added, after[0].Address})
			after = after[1:]
		default:
			if !before[0].equal(&after[0]) {
				list = append(list, Change{version, Changed, after[0].Address})
			}
			before, after = before[1:], after[1:]
		}
	}
	return list
}
