package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"tandem/rtc/store"
)

// OpenStore opens the store with the tables of all rooms, as every part of the
// program must: a schema with tables it does not know is refused. It returns the
// key that belongs to it as well, and refuses a data folder of which one of the
// two has gone.
func OpenStore(ctx context.Context, cfg *Config, log *slog.Logger) (*store.DB, []byte, error) {
	key, err := readKey(cfg.Data)
	if err != nil {
		return nil, nil, err
	}
	if there, err := store.Present(cfg.StoreURL()); err == nil && !there && key != nil {
		return nil, nil, fmt.Errorf("%w: there is a key in %s but no database at %s: restore it from a backup (tandem restore); to begin with an empty one, remove %s",
			store.ErrLost, cfg.Data, cfg.StoreURL(), filepath.Join(cfg.Data, keyFile))
	}
	db, err := store.Open(ctx, cfg.StoreURL(), log, migrations()...)
	if err != nil {
		return nil, nil, err
	}
	if key, err = checkKey(ctx, cfg, db, key); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, key, nil
}

// lookEvery is how soon it shows that the store's files are gone.
const lookEvery = time.Second

// watchStore tells the location when what it has written cannot be relied on
// any more, so that it promises nothing without a write.
func (s *Server) watchStore(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	gone := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := s.store.Healthy()
		now := errors.Is(err, store.ErrGone)
		if now == gone {
			continue
		}
		gone = now
		s.location.Distrust(gone)
		if gone {
			s.log.Error("not ready: registrations are answered 503", "err", err)
		} else {
			s.log.Info("store is back where it was")
		}
	}
}
