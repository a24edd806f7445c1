package server

import (
	"context"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/phoneroom"
)

// newPhones makes the room of desk phones, which gate and proxy ask how to write to them.
func (s *Server) newPhones(cfg *config.Config) *phoneroom.Room {
	return phoneroom.New(phoneroom.Config{
		Store: s.store, Key: s.key, Directory: s.directory, Location: s.location, Transport: s.transport, Cert: &s.cert, State: s.state,
		Resolve: s.users.Resolve, Ours: s.users.Ours, Domain: cfg.Domains[0], Log: s.log,
	})
}

// openPhones opens the room on those that it needs.
func (s *Server) openPhones(ctx context.Context, cfg *config.Config) error {
	return s.phones.Open(ctx, cfg, phoneroom.Rooms{Reach: s.reach, Send: s.exchange.Send, Contacts: s.contacts, Settings: s.settings, Events: s.events})
}

func (s *Server) phoneMetrics(m meter) {
	m.gauge("phones", "Desk phones in the inventory", float64(s.phones.Inventory.Count()))
	m.gauge("phones_unknown", "Devices that asked for files and wait to be adopted", float64(len(s.phones.Inventory.Inbox())))
	m.counter("phones_guessers_total", "Addresses shut out for asking for the files of others", s.phones.Guessers())
}

// Phones of desks.
func (s *Server) Phones() *phoneroom.Room { return s.phones }

// PhoneFiles is where phones get their files by a way, "http", "https", "old-tls" or
// "tftp"; "" where it is off.
func (s *Server) PhoneFiles(way string) string { return s.phones.Files.Addr(way) }
