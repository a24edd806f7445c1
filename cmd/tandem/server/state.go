package server

import (
	"context"
	"errors"
	"time"

	"tandem/cmd/tandem/datafolder"
	"tandem/rtc/store"
)

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
			s.log.Info("the store works again")
		}
	}
}

// snapshot copies the database to a new file.
func (s *Server) snapshot(ctx context.Context) (path string, octets int64, err error) {
	s.copying.Lock()
	defer s.copying.Unlock()
	return datafolder.TakeSnapshot(ctx, s.cfg.Load(), s.store.Snapshot)
}
