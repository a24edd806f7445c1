package dialroom

import (
	"context"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/telephony/cdr"
	"tandem/telephony/guard"
)

// CountToday has limits know of what was called today before this start, those that are
// set later too. A call during which the server ended counts until it was back: nobody
// knows for how long the trunk went on with it.
func (d *Room) CountToday(ctx context.Context, records cdr.Store, users *directory.Directory) error {
	now := time.Now()
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	return records.Each(ctx, cdr.Query{After: midnight}, func(r *cdr.Record) error {
		if r.State == cdr.Open { // it is marked as interrupted when calls begin
			r.Ended = now
		}
		if talked := r.Talked(); talked > 0 && r.Kind != "" && r.Payer != "" {
			payer := guard.Payer{User: string(r.Payer)}
			if u, ok := users.Resolve(rtc.AOR(r.Payer)); ok {
				payer.Groups, payer.Site = u.Groups, u.Site
			}
			d.Guard.Spent(payer, r.Kind, r.Trunk, talked)
		}
		return nil
	})
}
