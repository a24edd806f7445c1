package sink

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/pint"
)

// receiver is a client's server that answers as the test says.
type receiver struct {
	mu     sync.Mutex
	codes  []int // of the next requests; then 204
	bodies []string
	heads  []http.Header
	at     []time.Time
}

// RoundTrip implements http.RoundTripper.
func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, _ := io.ReadAll(req.Body)
	r.bodies, r.heads, r.at = append(r.bodies, string(b)), append(r.heads, req.Header), append(r.at, time.Now())
	code := 204
	if len(r.codes) > 0 {
		code, r.codes = r.codes[0], r.codes[1:]
	}
	if code == 0 {
		return nil, fmt.Errorf("connection refused")
	}
	return &http.Response{StatusCode: code, Status: fmt.Sprint(code), Body: io.NopCloser(strings.NewReader("")), Header: http.Header{}}, nil
}

type sessions struct {
	mu   sync.Mutex
	told int
}

func (s *sessions) Told(_ string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = n
}

func inTime(t *testing.T, codes []int, f func(*Teller, *receiver, *sessions)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r, kept := &receiver{codes: codes}, &sessions{}
		teller := New(Config{Sessions: kept, Transport: r, Log: slog.New(slog.DiscardHandler), Encode: func(s *pint.Session, n int) Message {
			if s.Events[n].Info == "silent" {
				return Message{}
			}
			return Message{ID: fmt.Sprint("id", n), Type: "application/json", Body: []byte(s.Events[n].Info)}
		}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); _ = teller.Run(ctx) }()
		f(teller, r, kept)
		stop()
		<-ended
	})
}

// session is one with so many events.
func session(final bool, events ...string) pint.Session {
	s := pint.Session{ID: "x", State: pint.Dialling}
	s.Sink = pint.Sink{URL: "https://client.example.com/sink", Token: "t0k", Secret: []byte("secret")}
	for _, e := range events {
		s.Events = append(s.Events, pint.Event{Time: time.Now(), Info: e})
	}
	if final {
		s.State = pint.Completed
	}
	return s
}

// A receiver that fails twice gets every event, in order, once each that it takes.
func TestFailsTwice(t *testing.T) {
	inTime(t, []int{503, 0}, func(teller *Teller, r *receiver, kept *sessions) {
		teller.Changed(session(false, "one"))
		teller.Changed(session(false, "one", "two"))
		synctest.Wait()
		teller.Changed(session(true, "one", "two", "silent", "three"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []string{"one", "one", "one", "two", "three"}; !slices.Equal(r.bodies, want) {
			t.Errorf("got %q, want %q", r.bodies, want)
		}
		if kept.told != 4 || len(teller.lanes) != 0 {
			t.Error(kept.told, len(teller.lanes))
		}
		if r.at[1].Sub(r.at[0]) != time.Second || r.at[2].Sub(r.at[1]) != 2*time.Second {
			t.Error(r.at)
		}
	})
}

// One that takes nothing is asked for three days, ever more seldom, and then no more.
func TestGivesUp(t *testing.T) {
	inTime(t, slices.Repeat([]int{500}, 10_000), func(teller *Teller, r *receiver, kept *sessions) {
		teller.Changed(session(true, "one", "two"))
		time.Sleep(80 * time.Hour)
		synctest.Wait()
		if n := len(r.bodies); n < 400 || n > 450 || kept.told != 2 || len(teller.lanes) != 0 {
			t.Error(n, kept.told, len(teller.lanes))
		}
	})
}

func TestSigned(t *testing.T) {
	inTime(t, nil, func(teller *Teller, r *receiver, _ *sessions) {
		teller.Changed(session(true, "one"))
		synctest.Wait()
		h := r.heads[0]
		mac := hmac.New(sha256.New, []byte("secret"))
		fmt.Fprintf(mac, "id0.%s.one", h.Get("webhook-timestamp"))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); h.Get("webhook-signature") != want || h.Get("Authorization") != "Bearer t0k" || h.Get("webhook-id") != "id0" {
			t.Error(h)
		}
	})
}
