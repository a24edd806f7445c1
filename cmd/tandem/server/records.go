package server

import (
	"context"
	"time"

	"tandem/rtc"
	"tandem/telephony/cdr"
	"tandem/telephony/guard"
)

// countToday has limits know of what was called today before this start, those that are
// set later too. A call during which the server ended counts until it was back: nobody
// knows for how long the trunk went on with it.
func (s *Server) countToday(ctx context.Context) error {
	now := time.Now()
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	return s.records.Each(ctx, cdr.Query{After: midnight}, func(r *cdr.Record) error {
		if r.State == cdr.Open { // it is marked as interrupted when calls begin
			r.Ended = now
		}
		if talked := r.Talked(); talked > 0 && r.Kind != "" && r.Payer != "" {
			payer := guard.Payer{User: string(r.Payer)}
			if u, ok := s.directory.Resolve(rtc.AOR(r.Payer)); ok {
				payer.Groups, payer.Site = u.Groups, u.Site
			}
			s.dialling.guard.Spent(payer, r.Kind, r.Trunk, talked)
		}
		return nil
	})
}

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
