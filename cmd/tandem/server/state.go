package server

import (
	"context"
	"log/slog"

	apistore "tandem/cmd/tandem/api/sqlstore"
	directorystore "tandem/rtc/directory/sqlstore"
	locationstore "tandem/rtc/location/sqlstore"
	"tandem/rtc/store"
)

// OpenStore opens the store with the tables of all rooms, as every part of the
// program must: a schema with tables it does not know is refused.
func OpenStore(ctx context.Context, cfg *Config, log *slog.Logger) (*store.DB, error) {
	return store.Open(ctx, cfg.StoreURL(), log,
		directorystore.Migrations,
		locationstore.Migrations,
		apistore.Migrations,
	)
}
