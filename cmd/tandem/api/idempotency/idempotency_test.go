package idempotency

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/cmd/tandem/api/access"
)

// shop sells each time it is asked.
type shop struct {
	mu     sync.Mutex
	sold   int
	answer func(w http.ResponseWriter, n int)
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.ReadAll(r.Body)
	s.mu.Lock()
	s.sold++
	n := s.sold
	s.mu.Unlock()
	s.answer(w, n)
}

func sells(w http.ResponseWriter, n int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", "/things/1")
	w.WriteHeader(201)
	json.NewEncoder(w).Encode(n)
}

func ask(h http.Handler, who, method, path, key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(access.With(r.Context(), access.Caller{Name: who})))
	return w
}

func keeper(s Store) *Keeper { return New(s, slog.New(slog.DiscardHandler)) }

func TestOnce(t *testing.T) {
	s := &shop{answer: sells}
	h := keeper(NewMemory()).Handler(s)
	first := ask(h, "a", "POST", "/buy", "k1", "x")
	again := ask(h, "a", "POST", "/buy", "k1", "x")
	if s.sold != 1 || again.Code != 201 || again.Body.String() != first.Body.String() || again.Header().Get("Location") != "/things/1" ||
		again.Header().Get("Idempotency-Replayed") != "true" || first.Header().Get("Idempotency-Replayed") != "" {
		t.Errorf("sold %d, %d %v %s", s.sold, again.Code, again.Header(), again.Body)
	}
	for _, c := range []struct {
		who, method, path, key, body string
		code, sold                   int
		says                         string
	}{
		{"a", "POST", "/buy", "k1", "y", 422, 1, "idempotency_key_reused"},
		{"a", "POST", "/buy/more", "k1", "x", 422, 1, "idempotency_key_reused"},
		{"a", "PATCH", "/buy", "k1", "x", 422, 1, "idempotency_key_reused"},
		{"b", "POST", "/buy", "k1", "y", 201, 2, ""},
		{"a", "POST", "/buy", "k2", "x", 201, 3, ""},
		{"a", "POST", "/buy", "", "x", 201, 4, ""},
		{"a", "GET", "/buy", "k1", "", 201, 5, ""},
		{"a", "POST", "/buy", strings.Repeat("k", 256), "x", 400, 5, "idempotency_key_invalid"},
	} {
		w := ask(h, c.who, c.method, c.path, c.key, c.body)
		if w.Code != c.code || s.sold != c.sold || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%+v: %d, sold %d, %s", c, w.Code, s.sold, w.Body)
		}
	}
}

// A request that failed for the moment is done again; one refused for good is not.
func TestFailures(t *testing.T) {
	for code, sold := range map[int]int{503: 2, 429: 2, 409: 1, 422: 1, 500: 1} {
		s := &shop{answer: func(w http.ResponseWriter, _ int) { w.WriteHeader(code) }}
		h := keeper(NewMemory()).Handler(s)
		ask(h, "a", "POST", "/", "k", "")
		if w := ask(h, "a", "POST", "/", "k", ""); w.Code != code || s.sold != sold {
			t.Errorf("%d: done %d times, answered %d", code, s.sold, w.Code)
		}
	}
}

// A request that a crash interrupted is not done again: nobody knows whether it was.
func TestCrashWhileItIsDone(t *testing.T) {
	store := NewMemory()
	s := &shop{answer: func(http.ResponseWriter, int) { panic(http.ErrAbortHandler) }}
	func() {
		defer func() { recover() }()
		ask(keeper(store).Handler(s), "a", "POST", "/", "k", "")
	}()
	s.answer = sells
	if w := ask(keeper(store).Handler(s), "a", "POST", "/", "k", ""); w.Code != 409 || s.sold != 1 || !strings.Contains(w.Body.String(), "idempotency_outcome_unknown") {
		t.Errorf("%d %s, done %d times", w.Code, w.Body, s.sold)
	}
}

func TestTwoAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shop{answer: func(w http.ResponseWriter, n int) { time.Sleep(time.Second); sells(w, n) }}
		h := keeper(NewMemory()).Handler(s)
		go ask(h, "a", "POST", "/", "k", "")
		time.Sleep(time.Millisecond)
		if w := ask(h, "a", "POST", "/", "k", ""); w.Code != 409 || w.Header().Get("Retry-After") != "1" {
			t.Errorf("meanwhile: %d %s", w.Code, w.Body)
		}
		time.Sleep(time.Second)
		if w := ask(h, "a", "POST", "/", "k", ""); w.Code != 201 || s.sold != 1 {
			t.Errorf("afterwards: %d %s, done %d times", w.Code, w.Body, s.sold)
		}
	})
}

func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shop{answer: func(w http.ResponseWriter, _ int) { w.Write(make([]byte, maxAnswer+1)) }}
		k := keeper(NewMemory())
		go k.Run(t.Context())
		h := k.Handler(s)
		ask(h, "a", "POST", "/", "k", "")
		if w := ask(h, "a", "POST", "/", "k", ""); w.Code != 409 || !strings.Contains(w.Body.String(), "idempotency_answer_too_large") {
			t.Errorf("%d %.200s", w.Code, w.Body)
		}
		if !k.use("a", maxKeys-2, 0) { // two were used above
			t.Fatal("no room for as many as there may be")
		}
		if w := ask(h, "a", "POST", "/", "one more", ""); w.Code != 429 || w.Header().Get("Retry-After") == "" {
			t.Errorf("one more: %d", w.Code)
		}
		if w := ask(h, "b", "POST", "/", "one more", ""); w.Code != 200 {
			t.Errorf("of another caller: %d", w.Code)
		}
		time.Sleep(life + time.Hour)
		s.answer = sells
		if w := ask(h, "a", "POST", "/", "k", ""); w.Code != 201 {
			t.Errorf("after a day: %d %.200s", w.Code, w.Body)
		}
	})
}

// Without a place for the key nothing is done.
func TestStoreThatFails(t *testing.T) {
	s := &shop{answer: sells}
	if w := ask(keeper(failing{}).Handler(s), "a", "POST", "/", "k", ""); w.Code != 503 || w.Header().Get("Retry-After") == "" || s.sold != 0 {
		t.Errorf("%d, done %d times", w.Code, s.sold)
	}
}

type failing struct{ Store }

func (failing) Begin(context.Context, Kept) (*Kept, error) { return nil, errors.New("disk full") }
