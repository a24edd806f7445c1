package server

import (
	"context"

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
