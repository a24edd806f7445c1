package contacts

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/contacts/xcap"
	"tandem/rtc/sip"
)

// Index is the name of the document that holds a user's contacts.
const Index = "index"

// Bounds of what one user keeps.
const (
	MaxContacts  = 5000
	MaxDocuments = 32
	MaxChanges   = 1000 // versions that differences are kept for
	MoreChanges  = 32   // versions beyond them that a store may keep
)

// Key names a document.
type Key struct {
	User  rtc.AOR
	Usage string // AUID: "resource-lists"
	Name  string // "index"
}

// Document is one document of a user.
type Document struct {
	Key
	Version int64 // grows with each change
	Changed time.Time
	Body    []byte
}

// ETag of a document, in quotes.
func (d *Document) ETag() string { return ETag(d.Version) }

// ETag of a version.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 36) + `"` }

// VersionText is a version as clients keep it.
func VersionText(version int64) string { return strconv.FormatInt(version, 10) }

// Change is what became of one contact.
type Change struct {
	Version int64
	Kind    ChangeKind
	Address string
}

// ChangeKind says what became of a contact.
type ChangeKind string

// The kinds.
const (
	Added   ChangeKind = "added"
	Changed ChangeKind = "changed"
	Removed ChangeKind = "removed"
)

// Errors. What is returned wraps one of them and says what to do.
var (
	ErrUnknown      = errors.New("no such document")
	ErrPrecondition = errors.New("the document has changed meanwhile")
	ErrTooMany      = errors.New("too many")
	ErrInvalid      = errors.New("not allowed")
)

// Store keeps documents durably. Methods return when the change is on disk.
type Store interface {
	// All calls each for every document of a usage.
	All(ctx context.Context, usage string, each func(Document)) error
	// Documents of a user, without their bodies.
	Documents(ctx context.Context, user rtc.AOR) ([]Document, error)
	Document(ctx context.Context, k Key) (Document, bool, error)
	// Put replaces a document and adds changes of contacts, of which it keeps
	// those of the last MaxChanges versions, and of at most MoreChanges older ones.
	Put(ctx context.Context, d Document, changes []Change) error
	// Delete forgets a document, and adds changes.
	Delete(ctx context.Context, k Key, changes []Change) error
	// Changes of contacts after a version, the oldest first, and the version
	// after which they are complete.
	Changes(ctx context.Context, user rtc.AOR, after int64) (list []Change, complete int64, err error)
	// Forget deletes all of a user.
	Forget(ctx context.Context, user rtc.AOR) error
}

const stripes = 64

// Book is the documents of all users. It is safe for concurrent use.
type Book struct {
	store    Store
	names    Names
	seed     maphash.Seed
	turns    [stripes]chan struct{} // one change at a time; a share of the users each
	watchers []func(Event)
	recent   recent

	mu sync.RWMutex
	// Guarded by mu:
	known    map[rtc.AOR][]uint64   // hashes of the contacts, sorted
	versions map[rtc.AOR][]Document // without bodies, by usage and name
}

// Event is told of a document that has changed.
type Event struct {
	Key
	Before, After int64      // versions, 0 when there was or is none
	Old, New      *xcap.Tree // nil when there was or is none
	Changes       []Change
	Edited        bool // by Edit; else whole documents and their nodes were written
}

// Names is the one address by which Has knows a contact that its user may write in
// several ways, as a telephone number; the address itself when there is no other.
type Names func(user, contact rtc.AOR) rtc.AOR

// New makes a book. Load fills it. Without names addresses are as they are written.
func New(s Store, names Names) *Book {
	if names == nil {
		names = func(_, contact rtc.AOR) rtc.AOR { return contact }
	}
	b := &Book{store: s, names: names, seed: maphash.MakeSeed(), known: make(map[rtc.AOR][]uint64), versions: make(map[rtc.AOR][]Document)}
	for i := range b.turns {
		b.turns[i] = make(chan struct{}, 1)
	}
	return b
}

// Watch has f told of changes, one user's in their order. It comes before the
// first change; f must not change the book.
func (b *Book) Watch(f func(Event)) { b.watchers = append(b.watchers, f) }

// Load reads who is whose contact.
func (b *Book) Load(ctx context.Context) error {
	for _, u := range xcap.Usages() {
		err := b.store.All(ctx, u.ID, func(d Document) {
			b.note(d, true)
			if d.Name != Index || d.Usage != xcap.ResourceLists.ID {
				return
			}
			if list, err := parse(d.Body); err == nil {
				b.learn(d.User, list)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// note keeps the version of a document that is there, or is not any more. The
// list of a user is replaced, never changed.
func (b *Book) note(d Document, there bool) {
	d.Body = nil
	b.mu.Lock()
	defer b.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(b.versions[d.User]), func(o Document) bool { return o.Key == d.Key })
	if there {
		list = append(list, d)
		slices.SortFunc(list, func(x, y Document) int {
			return slices.Compare([]string{x.Usage, x.Name}, []string{y.Usage, y.Name})
		})
	}
	if b.versions[d.User] = list; len(list) == 0 {
		delete(b.versions, d.User)
	}
}

// Versions of a user's documents, without bodies. It reads memory alone; the
// list must not be changed.
func (b *Book) Versions(user rtc.AOR) []Document {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.versions[user]
}

// learn notes the contacts of a user.
func (b *Book) learn(user rtc.AOR, list []Contact) {
	hashes := make([]uint64, 0, len(list))
	for i := range list {
		hashes = append(hashes, b.hash(b.names(user, list[i].AOR())))
	}
	slices.Sort(hashes)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(hashes) == 0 {
		delete(b.known, user)
		return
	}
	b.known[user] = hashes
}

// relearn notes which contacts have come and gone.
func (b *Book) relearn(user rtc.AOR, changes []Change) {
	b.mu.RLock()
	list := slices.Clone(b.known[user])
	b.mu.RUnlock()
	for _, c := range changes {
		h := b.hash(b.names(user, AORof(c.Address)))
		i, ok := slices.BinarySearch(list, h)
		switch {
		case c.Kind == Added:
			list = slices.Insert(list, i, h)
		case c.Kind == Removed && ok:
			list = slices.Delete(list, i, i+1)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known[user] = list; len(list) == 0 {
		delete(b.known, user)
	}
}

func (b *Book) hash(aor rtc.AOR) uint64 { return maphash.String(b.seed, string(aor)) }

// Has reports whether somebody is a contact of a user, by that address. It reads memory
// alone.
func (b *Book) Has(user, contact rtc.AOR) bool {
	b.mu.RLock()
	list := b.known[user]
	b.mu.RUnlock()
	if len(list) == 0 {
		return false
	}
	if _, ok := slices.BinarySearch(list, b.hash(contact)); ok {
		return true
	}
	name := b.names(user, contact)
	_, ok := slices.BinarySearch(list, b.hash(name))
	return ok
}

// Document of a user. The error wraps ErrUnknown when there is none.
func (b *Book) Document(ctx context.Context, k Key) (Document, error) {
	d, ok, err := b.store.Document(ctx, k)
	if err == nil && !ok {
		err = unknown(k)
	}
	return d, err
}

// Tree is Document with its elements. Who reads one node usually reads the next:
// the trees of the last few documents are kept.
func (b *Book) Tree(ctx context.Context, k Key) (Document, *xcap.Tree, error) {
	if d, t := b.recent.get(k); t != nil {
		return d, t, nil
	}
	leave, err := b.enter(ctx, k.User) // what is kept is what no change has overtaken
	if err != nil {
		return Document{}, nil, err
	}
	defer leave()
	d, t, err := b.present(ctx, k)
	if err == nil && d == nil {
		err = unknown(k)
	}
	if err != nil {
		return Document{}, nil, err
	}
	if _, err := t.Root(); err == nil {
		b.recent.put(*d, t)
	}
	return *d, t, nil
}

func unknown(k Key) error {
	return fmt.Errorf("%w: %s has no %s/%s", ErrUnknown, k.User, k.Usage, k.Name)
}

// enter waits until nobody else changes documents of a user.
func (b *Book) enter(ctx context.Context, user rtc.AOR) (leave func(), err error) {
	turn := b.turns[b.hash(user)%stripes]
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Documents of a user, without their bodies.
func (b *Book) Documents(ctx context.Context, user rtc.AOR) ([]Document, error) {
	return b.store.Documents(ctx, user)
}

// All calls each for every document of a usage.
func (b *Book) All(ctx context.Context, usage string, each func(Document)) error {
	return b.store.All(ctx, usage, each)
}

// Condition is what must hold of a document for a change to be made (RFC 9110
// §13.1). nil Old: there is none.
type Condition func(old *Document) error

// Change replaces a document by what f makes of it; f gets nil when there is
// none, and deletes it by returning nil. It returns the document as it is then,
// and whether it is new. Errors of f are returned as they are.
func (b *Book) Change(ctx context.Context, k Key, when Condition, f func(old []byte) ([]byte, error)) (d Document, created bool, err error) {
	return b.ChangeTree(ctx, k, when, asTree(f))
}

// asTree is a function of text as one of trees.
func asTree(f func(old []byte) ([]byte, error)) func(*xcap.Tree) (*xcap.Tree, error) {
	return func(old *xcap.Tree) (*xcap.Tree, error) {
		body, err := f(old.Body())
		if err != nil || body == nil {
			return nil, err
		}
		return &xcap.Tree{Doc: body}, nil
	}
}

// ChangeTree is Change for those who have read the document, or want it read.
func (b *Book) ChangeTree(ctx context.Context, k Key, when Condition, f func(old *xcap.Tree) (*xcap.Tree, error)) (d Document, created bool, err error) {
	return b.change(ctx, Event{Key: k}, when, f)
}

// change is ChangeTree of what is told as e.
func (b *Book) change(ctx context.Context, e Event, when Condition, f func(old *xcap.Tree) (*xcap.Tree, error)) (d Document, created bool, err error) {
	k := e.Key
	leave, err := b.enter(ctx, k.User)
	if err != nil {
		return d, false, err
	}
	defer leave()
	ctx = context.WithoutCancel(ctx) // memory and disk stay alike
	was, old, err := b.present(ctx, k)
	if err != nil {
		return d, false, err
	}
	if when != nil {
		if err := when(was); err != nil {
			return d, false, err
		}
	}
	now, err := f(old)
	if err != nil {
		return d, false, err
	}
	d = Document{Key: k, Changed: time.Now().UTC().Truncate(time.Millisecond), Body: now.Body()}
	e.Old, e.New = old, now
	if was != nil {
		e.Before = was.Version
	}
	d.Version = next(e.Before)
	e.After = d.Version
	return d, was == nil && now != nil, b.write(ctx, d, e)
}

// present is a document as it is, nil when there is none.
func (b *Book) present(ctx context.Context, k Key) (*Document, *xcap.Tree, error) {
	if d, t := b.recent.get(k); t != nil {
		return &d, t, nil
	}
	d, ok, err := b.store.Document(ctx, k)
	if err != nil || !ok {
		return nil, nil, err
	}
	return &d, &xcap.Tree{Doc: d.Body}, nil
}

// next version: later than the last, and than one of a document that was deleted.
func next(last int64) int64 { return max(last+1, time.Now().UnixMicro()) }

// write keeps a document in place of another.
func (b *Book) write(ctx context.Context, d Document, e Event) (err error) {
	if e.Old == nil && e.New == nil {
		return nil
	}
	var after lists
	if d.Usage == xcap.ResourceLists.ID && d.Name == Index {
		if after, err = compare(e.Old, e.New, d.Version); err != nil {
			return err
		}
		if after.count > MaxContacts {
			return fmt.Errorf("%w contacts: at most %d; remove some first", ErrTooMany, MaxContacts)
		}
		e.Changes = after.changes
	}
	b.recent.drop(d.Key) // should it fail, nobody knows
	switch {
	case e.New == nil:
		e.After = 0
		err = b.store.Delete(ctx, d.Key, e.Changes)
	case e.Old == nil:
		if err = b.room(ctx, d.User); err == nil {
			err = b.store.Put(ctx, d, e.Changes)
		}
	default:
		err = b.store.Put(ctx, d, e.Changes)
	}
	if err != nil {
		return err
	}
	b.note(d, e.New != nil)
	b.relearn(d.User, e.Changes)
	if e.New != nil {
		b.recent.put(d, e.New)
	}
	for _, f := range b.watchers {
		f(e)
	}
	return nil
}

// room reports whether a user may have one document more.
func (b *Book) room(ctx context.Context, user rtc.AOR) error {
	list, err := b.store.Documents(ctx, user)
	if err == nil && len(list) >= MaxDocuments {
		return fmt.Errorf("%w documents: a user has at most %d; delete one first", ErrTooMany, MaxDocuments)
	}
	return err
}

// Forget deletes all of a user who is no more.
func (b *Book) Forget(ctx context.Context, user rtc.AOR) error {
	leave, err := b.enter(ctx, user)
	if err != nil {
		return err
	}
	defer leave()
	b.learn(user, nil)
	b.recent.forget(user)
	b.mu.Lock()
	gone := b.versions[user]
	delete(b.versions, user)
	b.mu.Unlock()
	if err := b.store.Forget(ctx, user); err != nil {
		return err
	}
	for _, d := range gone {
		for _, f := range b.watchers {
			f(Event{Key: d.Key, Before: d.Version})
		}
	}
	return nil
}

// AORof is the canonical address of a URI, the URI itself when it has none.
func AORof(uri string) rtc.AOR {
	u, err := sip.ParseURI([]byte(uri))
	if err != nil || u.Kind == sip.URIOther {
		return rtc.AOR(uri)
	}
	return rtc.AOR(u.AppendAOR(nil))
}
