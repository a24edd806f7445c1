// Package services makes the lists that users keep subscribable: the services
// of their rls-services documents (RFC 4826 §4), and under one address their own
// contact list. Package event subscribes to what is in them.
//
// A list can be subscribed to by the user who keeps it. For others it is not
// there: an address that one user gives a list means nothing to another.
package services

import (
	"context"
	"slices"
	"strings"
	"sync"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/xcap"
	"tandem/rtc/event/lists"
)

// Services implements event.Lists over a book of contacts.
type Services struct {
	book *contacts.Book
	root string // XCAP root URI
	own  func(rtc.AOR) bool

	mu sync.RWMutex
	by map[rtc.AOR][]service // by user, guarded by mu; the lists are replaced, never changed
}

// service is a list of a user.
type service struct {
	address  rtc.AOR
	document string   // of rls-services in which it stands
	packages []string // it can be subscribed to for, none: all
}

// New makes them; root is the XCAP root URI, by which documents refer to each
// other, and own reports whether an address means the contact list of him who
// subscribes to it. Load fills them.
func New(book *contacts.Book, root string, own func(rtc.AOR) bool) *Services {
	return &Services{book: book, root: strings.TrimSuffix(root, "/") + "/", own: own, by: make(map[rtc.AOR][]service)}
}

// Load reads which lists there are, and follows them from then on. changed is
// told whose lists may be other ones; it must not change the book.
func (s *Services) Load(ctx context.Context, changed func(user rtc.AOR)) error {
	all := make(map[rtc.AOR][]service)
	err := s.book.All(ctx, xcap.Services.ID, func(d contacts.Document) {
		all[d.User] = append(all[d.User], read(d)...)
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.by = all
	s.mu.Unlock()
	s.book.Watch(func(e contacts.Event) {
		switch e.Usage {
		case xcap.Services.ID:
			s.learn(e)
			changed(e.User)
		case xcap.ResourceLists.ID:
			changed(e.User)
		}
	})
	return nil
}

// learn takes over a document that has changed.
func (s *Services) learn(e contacts.Event) {
	var now []service
	if e.After != 0 {
		if d, err := s.book.Document(context.Background(), e.Key); err == nil {
			now = read(d)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(s.by[e.User]), func(x service) bool { return x.document == e.Name })
	if s.by[e.User] = append(list, now...); len(s.by[e.User]) == 0 {
		delete(s.by, e.User)
	}
}

// read lists the services in a document.
func read(d contacts.Document) (list []service) {
	root, err := xcap.Parse(d.Body)
	if err != nil {
		return nil
	}
	for _, e := range root.Children {
		uri, ok := e.Attr("uri")
		if e.Name != "service" || !ok {
			continue
		}
		x := service{address: contacts.AORof(uri), document: d.Name}
		for _, c := range e.Children {
			for _, p := range c.Children {
				if c.Name == "packages" && p.Name == "package" {
					x.packages = append(x.packages, strings.TrimSpace(p.Text(d.Body)))
				}
			}
		}
		list = append(list, x)
	}
	return list
}

func (s *Services) find(user, address rtc.AOR) (x service, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := slices.IndexFunc(s.by[user], func(x service) bool { return x.address == address })
	if i < 0 {
		return x, false
	}
	return s.by[user][i], true
}

// Known implements event.Lists.
func (s *Services) Known(address rtc.AOR, pkg string, watcher rtc.AOR) bool {
	if x, ok := s.find(watcher, address); ok {
		return len(x.packages) == 0 || slices.Contains(x.packages, pkg)
	}
	return s.own(address)
}

// Members implements event.Lists.
func (s *Services) Members(ctx context.Context, address, watcher rtc.AOR) ([]lists.Entry, error) {
	if _, ok := s.find(watcher, address); ok {
		r := reader{Services: s, ctx: ctx, user: watcher, documents: make(map[contacts.Key]*document), seen: make(map[string]bool)}
		err := r.service(address)
		return r.entries, err
	}
	all, _, err := s.book.Contacts(ctx, watcher)
	var out []lists.Entry
	for _, c := range all {
		out = append(out, lists.Entry{URI: c.Address, Name: c.Name})
	}
	return out, err
}
