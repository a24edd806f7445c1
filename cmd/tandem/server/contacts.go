package server

import (
	"context"
	"net/http"
	"strings"

	"tandem/cmd/tandem/api/xcap"
	"tandem/rtc"
	"tandem/rtc/contacts"
	contactstore "tandem/rtc/contacts/sqlstore"
)

// openContacts builds the contact lists of users.
func (s *Server) openContacts(ctx context.Context, _ *Config) error {
	s.contacts = contacts.New(contactstore.New(s.store))
	return s.contacts.Load(ctx)
}

// withDocuments serves the documents of users beside the operations of the API.
func (s *Server) withDocuments(operations http.Handler, cfg *Config) http.Handler {
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

// Contacts of the server.
func (s *Server) Contacts() *contacts.Book { return s.contacts }
