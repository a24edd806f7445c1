package server

import (
	"context"
	"log/slog"

	"tandem/rtc/store"
)

// OpenStore opens the store with the tables of all rooms, as every part of the
// program must: a schema with tables it does not know is refused.
func OpenStore(ctx context.Context, cfg *Config, log *slog.Logger) (*store.DB, error) {
	return store.Open(ctx, cfg.StoreURL(), log, migrations()...)
}
