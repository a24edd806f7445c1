package server

import (
	"context"

	"tandem/telephony/group"
	groupstore "tandem/telephony/group/sqlstore"
	"tandem/telephony/settings"
	settingsstore "tandem/telephony/settings/sqlstore"
)

// openSettings loads how users want to be called.
func (s *Server) openSettings(ctx context.Context, _ *Config) error {
	s.settings = settings.New(settingsstore.New(s.store), s.log)
	return s.settings.Load(ctx)
}

// CallSettings of the server's users.
func (s *Server) CallSettings() *settings.Table { return s.settings }

// openGroups loads the ring groups.
func (s *Server) openGroups(ctx context.Context, _ *Config) error {
	s.groups = group.New(groupstore.New(s.store), s.log)
	return s.groups.Load(ctx)
}

// Groups of the server.
func (s *Server) Groups() *group.Table { return s.groups }
