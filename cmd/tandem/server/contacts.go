package server

import (
	"context"
	"net"
	"net/http"
	"strings"

	"tandem/cmd/tandem/api/access"
	apicontacts "tandem/cmd/tandem/api/contacts"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/xcap"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/people"
	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/services"
	contactstore "tandem/rtc/contacts/sqlstore"
	"tandem/rtc/sip"
)

// openContacts builds the contact lists of users.
func (s *Server) openContacts(ctx context.Context, _ *config.Config) error {
	s.contacts = contacts.New(contactstore.New(s.store), people.Written(s.directory, s.plan))
	s.contacts.Watch(s.tellContacts)
	return s.contacts.Load(ctx)
}

// maxContactsTold is how many contacts that change at once are told one by one.
const maxContactsTold = 100

// tellContacts tells of contacts that clients have changed by XCAP: of those that
// operations change, these tell themselves.
func (s *Server) tellContacts(e contacts.Event) {
	if e.Edited {
		return
	}
	if n := len(e.Changes); n > maxContactsTold {
		s.state.Tell("contacts.imported", op.Resource("users", string(e.User), "contacts"), access.Read("contacts"), func() any {
			return apicontacts.ImportedContacts{Contacts: n}
		})
		return
	}
	for _, c := range e.Changes {
		kind := "contact.changed"
		if c.Kind == contacts.Removed {
			kind = "contact.removed"
		}
		s.state.Tell(kind, op.Resource("users", string(e.User), "contacts", c.Address), access.Read("contacts"), func() any {
			return apicontacts.ContactChange{Address: c.Address, Kind: string(c.Kind)}
		})
	}
}

// ownContacts is the name of the address under which each user finds the own
// contact list, unless it is that of a user.
const ownContacts = "contacts"

// openLists makes the lists of users subscribable.
func (s *Server) openLists(ctx context.Context, cfg *config.Config) error {
	s.lists = services.New(s.contacts, documentRoot(cfg), func(address rtc.AOR) bool {
		u, err := sip.ParseURI([]byte(address))
		if err != nil || string(u.User) != ownContacts || !s.directory.Domain(u.Host) {
			return false
		}
		_, taken := s.directory.Resolve(address)
		return !taken
	})
	return s.lists.Load(ctx, func(user rtc.AOR) { s.events.Relist(user) })
}

// withDocuments serves the documents of users beside the operations of the API.
func (s *Server) withDocuments(operations http.Handler, cfg *config.Config) http.Handler {
	front := xcap.New(xcap.Front{Book: s.contacts, Gate: s.gate, Tokens: s.state.Tokens, Consent: s.consent, Domain: cfg.Domains[0], Log: s.log,
		Resolve: func(address rtc.AOR) (rtc.AOR, bool) {
			u, ok := s.directory.Resolve(address)
			return u.AOR, ok && u.Enabled
		}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, xcap.Root) { // no mux: it would clean the path of a node selector
			front.ServeHTTP(w, r)
			return
		}
		operations.ServeHTTP(w, r)
	})
}

// documentRoot is the XCAP root URI as clients know it.
func documentRoot(cfg *config.Config) string {
	host := cfg.Domains[0]
	if len(cfg.API.Hosts) > 0 {
		host = cfg.API.Hosts[0]
	}
	if _, port, err := net.SplitHostPort(cfg.API.Addr); err == nil && port != "443" {
		host = net.JoinHostPort(host, port)
	}
	return "https://" + host + xcap.Root
}

// Contacts of the server.
func (s *Server) Contacts() *contacts.Book { return s.contacts }
