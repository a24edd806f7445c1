package idempotency

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/problem"
)

// Keeper handles requests that have a key.
type Keeper struct {
	store Store
	log   *slog.Logger

	mu    sync.Mutex
	doing map[string]bool   // keys whose request is under way
	uses  map[string]*usage // by caller
}

// New makes a Keeper.
func New(store Store, log *slog.Logger) *Keeper {
	return &Keeper{store: store, log: log, doing: map[string]bool{}, uses: map[string]*usage{}}
}

// Handler gives requests to next, those with a key once. The caller is in the
// context.
func (k *Keeper) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if key == "" || r.Method == http.MethodGet || r.Method == http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		if len(key) > maxKey {
			problem.Write(w, problem.New(http.StatusBadRequest, "idempotency_key_invalid", "the Idempotency-Key has more than 255 octets").Fix("use a UUID"))
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			problem.Write(w, unread(err))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		k.once(w, r, next, Kept{Who: access.Of(r.Context()).Name, Key: key, Request: fingerprint(r, body), Created: time.Now()})
	})
}

// once answers from the store, or does the request and stores the answer.
func (k *Keeper) once(w http.ResponseWriter, r *http.Request, next http.Handler, mine Kept) {
	id := mine.Who + "\n" + mine.Key
	if !k.enter(id) {
		problem.Write(w, problem.New(http.StatusConflict, "idempotency_under_way", "the request with this Idempotency-Key is still running").
			Fix("repeat it in a second for its answer").After(time.Second))
		return
	}
	defer k.leave(id)
	if !k.use(mine.Who, 1, 0) {
		problem.Write(w, problem.New(http.StatusTooManyRequests, "idempotency_keys_full", fmt.Sprintf("%d keys were used within a day", maxKeys)).
			Fix("leave the key out where a repeat does no harm").After(time.Hour))
		return
	}
	before, err := k.store.Begin(r.Context(), mine)
	switch {
	case err != nil:
		k.log.Error("keeping an idempotency key", "err", err)
		problem.Write(w, problem.New(http.StatusServiceUnavailable, "store_busy", "the key could not be stored; nothing was done").
			Fix("try again").After(time.Second))
		return
	case before != nil:
		repeat(w, &mine, before)
		return
	}
	a := &answer{ResponseWriter: w, code: http.StatusOK}
	next.ServeHTTP(a, r)
	k.finish(context.WithoutCancel(r.Context()), mine, a)
}

// finish stores the answer. A request that failed for the moment may be repeated:
// it is forgotten.
func (k *Keeper) finish(ctx context.Context, mine Kept, a *answer) {
	var err error
	if again(a.code) {
		err = k.store.Forget(ctx, mine.Who, mine.Key)
	} else {
		mine.Code, mine.TooLarge = a.code, a.tooLarge || !k.use(mine.Who, 0, a.body.Len())
		mine.Header = http.Header{}
		for _, name := range []string{"Content-Type", "ETag", "Location"} {
			if v := a.Header().Get(name); v != "" {
				mine.Header.Set(name, v)
			}
		}
		if !mine.TooLarge {
			mine.Body = a.body.Bytes()
		}
		err = k.store.Finish(ctx, mine)
	}
	if err != nil {
		k.log.Error("keeping the answer of an idempotency key", "err", err)
	}
}

// again tells whether an answer means that the same request may succeed later.
func again(code int) bool {
	return code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests || code == http.StatusUnauthorized || code == http.StatusForbidden
}

// repeat answers a request from the one before it.
func repeat(w http.ResponseWriter, mine, before *Kept) {
	switch {
	case mine.Request != before.Request:
		problem.Write(w, problem.New(http.StatusUnprocessableEntity, "idempotency_key_reused", "the Idempotency-Key belongs to another request").
			Fix("use a new key for each request"))
	case before.Code == 0:
		problem.Write(w, problem.New(http.StatusConflict, "idempotency_outcome_unknown", "the server ended during this request: it may or may not have been done").
			Fix("look at the resource, then use a new key"))
	case before.TooLarge:
		problem.Write(w, problem.New(http.StatusConflict, "idempotency_answer_too_large", "the request was done; its answer was too large to be kept").
			Fix("read the resource"))
	default:
		maps.Copy(w.Header(), before.Header)
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(before.Code)
		_, _ = w.Write(before.Body) // the client may have gone
	}
}

func (k *Keeper) enter(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.doing[id] {
		return false
	}
	k.doing[id] = true
	return true
}

func (k *Keeper) leave(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.doing, id)
}

// Run drops what is older than life, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	t := time.NewTicker(10 * time.Minute)
	defer t.Stop()
	for {
		for {
			n, err := k.store.Prune(ctx, time.Now().Add(-life), maxPruned)
			if err != nil && ctx.Err() == nil {
				k.log.Warn("dropping old idempotency keys", "err", err)
			}
			if err != nil || n < maxPruned {
				break
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// fingerprint tells requests apart.
func fingerprint(r *http.Request, body []byte) [32]byte {
	sum := sha256.Sum256(body)
	return sha256.Sum256(slices.Concat([]byte(r.Method+" "+r.URL.RequestURI()+"\n"+r.Header.Get("If-Match")+"\n"), sum[:]))
}

func unread(err error) *problem.Problem {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return problem.New(http.StatusRequestEntityTooLarge, "body_too_large", "the body is too large").Fix("send less at once")
	}
	return problem.New(http.StatusBadRequest, "body_unreadable", "the body ended early").Because(err)
}

// answer copies what is answered.
type answer struct {
	http.ResponseWriter
	code     int
	body     bytes.Buffer
	tooLarge bool
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	if a.body.Len()+len(b) > maxAnswer {
		a.tooLarge = true
	} else {
		a.body.Write(b)
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
