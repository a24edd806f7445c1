package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tandem/cmd/tandem/api/idempotency"
	"tandem/rtc/store"
	"tandem/rtc/store/seal"
)

// Requests implements idempotency.Store. Answers are sealed, since some hold a
// password that is shown once.
type Requests struct {
	db  *store.DB
	box *seal.Seal
}

var _ idempotency.Store = (*Requests)(nil)

// NewRequests makes the Store over an open database. key is the data folder's.
func NewRequests(db *store.DB, key []byte) (*Requests, error) {
	box, err := seal.New(key, "API answer")
	return &Requests{db, box}, err
}

// stored is an answer as it is sealed.
type stored struct {
	Header http.Header
	Body   []byte
}

// Begin implements idempotency.Store.
func (s *Requests) Begin(ctx context.Context, k idempotency.Kept) (before *idempotency.Kept, err error) {
	err = do(ctx, s.db, "storing request", len(k.Who)+len(k.Key), func(ctx context.Context, tx store.Tx) error {
		before = nil // it may run twice
		switch found, err := s.find(ctx, tx, k.Who, k.Key); {
		case err == nil:
			before = found
			return nil
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO api_requests (who, key, request, created, code) VALUES ($1, $2, $3, $4, 0)`,
			k.Who, k.Key, k.Request[:], store.Millis(k.Created))
		return err
	})
	return before, err
}

func (s *Requests) find(ctx context.Context, r store.Reader, who, key string) (*idempotency.Kept, error) {
	k := &idempotency.Kept{Who: who, Key: key}
	var request, answer []byte
	var created int64
	err := r.QueryRowContext(ctx, `SELECT request, created, code, answer FROM api_requests WHERE who = $1 AND key = $2`, who, key).
		Scan(&request, &created, &k.Code, &answer)
	if err != nil {
		return nil, err
	}
	copy(k.Request[:], request)
	k.Created = store.FromMillis(created)
	if k.TooLarge = k.Code != 0 && answer == nil; answer == nil {
		return k, nil
	}
	text, err := s.box.Open(answer, who+"\n"+key)
	if err != nil {
		return nil, fmt.Errorf("answer to %s: %w", who, err)
	}
	var a stored
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return nil, err
	}
	k.Header, k.Body = a.Header, a.Body
	return k, nil
}

// Finish implements idempotency.Store.
func (s *Requests) Finish(ctx context.Context, k idempotency.Kept) error {
	var answer []byte
	if !k.TooLarge {
		b, err := json.Marshal(stored{k.Header, k.Body})
		if err != nil {
			return err
		}
		answer = s.box.Seal(string(b), k.Who+"\n"+k.Key)
	}
	return do(ctx, s.db, "storing answer", len(answer), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE api_requests SET code = $1, answer = $2 WHERE who = $3 AND key = $4`, k.Code, answer, k.Who, k.Key)
		return err
	})
}

// Forget implements idempotency.Store.
func (s *Requests) Forget(ctx context.Context, who, key string) error {
	return do(ctx, s.db, "dropping request", 0, func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM api_requests WHERE who = $1 AND key = $2`, who, key)
		return err
	})
}

// Prune implements idempotency.Store.
func (s *Requests) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	return affect(ctx, s.db, "dropping requests",
		`DELETE FROM api_requests WHERE (who, key) IN (SELECT who, key FROM api_requests WHERE created < $1 LIMIT $2)`, store.Millis(before), limit)
}
