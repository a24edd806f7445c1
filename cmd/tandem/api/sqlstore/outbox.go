package sqlstore

import (
	"context"
	"strings"

	"tandem/cmd/tandem/api/outbox"
	"tandem/rtc/store"
	"tandem/rtc/store/seal"
)

// Outbox implements outbox.Store.
type Outbox struct {
	db  *store.DB
	box *seal.Seal
}

var _ outbox.Store = (*Outbox)(nil)

// NewOutbox makes the Store over an open database. key is the data folder's: the
// secrets of webhooks are sealed with it.
func NewOutbox(db *store.DB, key []byte) (*Outbox, error) {
	box, err := seal.New(key, "webhook secret")
	return &Outbox{db, box}, err
}

// Hooks implements outbox.Store.
func (s *Outbox) Hooks(ctx context.Context, each func(outbox.Hook)) error {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT name, url, types, secret, made_by, created FROM api_webhooks ORDER BY name`)
	if err != nil {
		return s.db.Fault("loading webhooks", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var h outbox.Hook
		var types string
		var sealed []byte
		var created int64
		if err := rows.Scan(&h.Name, &h.URL, &types, &sealed, &h.By, &created); err != nil {
			return s.db.Fault("loading webhooks", err)
		}
		secret, _ := s.box.Open(sealed, h.Name) // "" when the key is another one: the outbox says so
		h.Types, h.Secret, h.Created = strings.Fields(types), []byte(secret), store.FromMillis(created)
		each(h)
	}
	return s.db.Fault("loading webhooks", rows.Err())
}

// PutHook implements outbox.Store.
func (s *Outbox) PutHook(ctx context.Context, h outbox.Hook) error {
	sealed, types := s.box.Seal(string(h.Secret), h.Name), strings.Join(h.Types, " ")
	return do(ctx, s.db, "storing webhook", len(h.URL)+len(types), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO api_webhooks (name, url, types, secret, made_by, created) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (name) DO UPDATE SET url = excluded.url, types = excluded.types, secret = excluded.secret,
			made_by = excluded.made_by, created = excluded.created`,
			h.Name, h.URL, types, sealed, h.By, store.Millis(h.Created))
		return err
	})
}

// DeleteHook implements outbox.Store. The hook goes first: deliveries that a crash
// leaves behind belong to nobody and are dropped by the next DeleteHook or load.
func (s *Outbox) DeleteHook(ctx context.Context, name string) error {
	err := do(ctx, s.db, "deleting webhook", len(name), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM api_webhooks WHERE name = $1`, name)
		return err
	})
	if err != nil {
		return err
	}
	_, err = s.db.Purge(ctx, "api_deliveries", "id", "webhook = $1", name)
	return err
}

// Add implements outbox.Store.
func (s *Outbox) Add(list []outbox.Delivery, done func(error)) error {
	octets := 0
	for _, d := range list {
		octets += rowOctets + len(d.Body) + len(d.Resource)
	}
	return s.db.Put(store.Change{Octets: octets, Apply: func(ctx context.Context, tx store.Tx) error {
		for _, d := range list {
			_, err := tx.ExecContext(ctx, `INSERT INTO api_deliveries (id, webhook, event, type, resource, created, size, body)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, d.ID, d.Hook, d.Event, d.Type, d.Resource, store.Millis(d.Created), d.Size, d.Body)
			if err != nil {
				return err
			}
		}
		return nil
	}}, done)
}

// Pending implements outbox.Store.
func (s *Outbox) Pending(ctx context.Context, each func(outbox.Delivery)) error {
	if _, err := s.db.Purge(ctx, "api_deliveries", "id", "webhook NOT IN (SELECT name FROM api_webhooks)"); err != nil {
		return err
	}
	query := `SELECT id, webhook, event, type, resource, created, size FROM api_deliveries WHERE id > $1 ORDER BY id LIMIT $2`
	err := store.Pages(ctx, s.db.Read(), query, int64(0), func(scan func(...any) error) (int64, error) {
		var d outbox.Delivery
		var created int64
		if err := scan(&d.ID, &d.Hook, &d.Event, &d.Type, &d.Resource, &created, &d.Size); err != nil {
			return 0, err
		}
		d.Created = store.FromMillis(created)
		each(d)
		return d.ID, nil
	})
	return s.db.Fault("loading webhook deliveries", err)
}

// Body implements outbox.Store.
func (s *Outbox) Body(ctx context.Context, id int64) (body []byte, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT body FROM api_deliveries WHERE id = $1`, id).Scan(&body)
	return body, s.db.Fault("reading a webhook delivery", err)
}

// Delete implements outbox.Store.
func (s *Outbox) Delete(ctx context.Context, id int64) error {
	return do(ctx, s.db, "deleting webhook delivery", 0, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM api_deliveries WHERE id = $1`, id)
		return err
	})
}
