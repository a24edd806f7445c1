// Package idempotency does a request once that is sent several times: a client
// that got no answer repeats it with the same Idempotency-Key and gets the answer
// of the first (draft-ietf-httpapi-idempotency-key-header).
//
// The key is on disk before the request is done. When the server ends between the
// two, the repeat is told so instead of being done a second time.
package idempotency

import (
	"context"
	"net/http"
	"time"
)

// Kept is a request and its answer.
type Kept struct {
	Who, Key string   // a key means something for its caller alone
	Request  [32]byte // hash of method, path and body
	Created  time.Time
	Code     int // of the answer; 0: not answered yet
	Header   http.Header
	Body     []byte
	TooLarge bool // the body was too large to be kept
}

// Store keeps requests durably. Methods return when the change is on disk.
type Store interface {
	// Begin keeps a new request, or returns the one of its Who and Key.
	Begin(ctx context.Context, k Kept) (before *Kept, err error)
	// Finish keeps the answer of a request.
	Finish(ctx context.Context, k Kept) error
	// Forget drops a request that was not done.
	Forget(ctx context.Context, who, key string) error
	// Prune drops requests made before then, at most so many, and tells how many.
	Prune(ctx context.Context, before time.Time, limit int) (int, error)
}

const (
	// life is how long an answer is kept.
	life = 24 * time.Hour

	maxKeys   = 10_000   // of one caller in a day
	maxOctets = 64 << 20 // of their answers
	maxKey    = 255
	maxAnswer = 256 << 10
	maxPruned = 1000
)
