package server

import (
	"context"
	"time"
)

// pruneEvery is how often old records are deleted.
const pruneEvery = time.Hour

// pruneRecords deletes the records of calls that are older than they are kept.
func (s *Server) pruneRecords(ctx context.Context) error {
	keep := s.begun.Telephony.KeepRecords
	if keep == 0 {
		return nil
	}
	t := time.NewTicker(pruneEvery)
	defer t.Stop()
	for {
		n, err := s.records.Prune(ctx, time.Now().Add(-keep))
		if err != nil && ctx.Err() == nil {
			s.log.Error("old records of calls not deleted", "err", err)
		} else if n > 0 {
			s.log.Info("old records of calls deleted", "count", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}
