// Package sink tells the events of a session to the address its client has named:
// in order, one after the other, until they are taken.
//
// What is still to be told is kept in the session itself, so that it survives a
// restart. An address that does not answer is asked again after a pause that doubles
// up to ten minutes; after three days its session is told no more.
package sink

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"tandem/pint"
	"tandem/pint/schedule"
)

// Sessions are those that are told of.
type Sessions interface {
	// Told notes that the sink of a session has taken its first n events.
	Told(id string, n int)
}

// Message is an event as it is sent.
type Message struct {
	ID   string // the same however often it is sent
	Type string // of the body
	Body []byte // nil: nothing is sent for this event
}

// Config of a Teller.
type Config struct {
	Sessions  Sessions
	Transport http.RoundTripper // decides where may be told
	// Encode writes an event of a session.
	Encode func(s *pint.Session, event int) Message
	Log    *slog.Logger
}

// Teller tells sinks.
type Teller struct {
	cfg    Config
	client http.Client
	again  *schedule.Queue
	ready  chan string

	mu    sync.Mutex
	lanes map[string]*lane // by session
}

// lane is what one sink is told of one session.
type lane struct {
	s        pint.Session
	busy     bool // a worker has it, or it is in ready or again
	failures int
}

const (
	workers = 8
	giveUp  = 72 * time.Hour
	waiting = 20_000 // sessions in ready, as many as there may be
)

// New makes a Teller.
func New(cfg Config) *Teller {
	t := &Teller{cfg: cfg, again: schedule.New(), ready: make(chan string, waiting), lanes: map[string]*lane{}}
	t.client = http.Client{Transport: cfg.Transport, Timeout: 15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return t
}

// Changed takes notice of a session that has something to tell.
func (t *Teller) Changed(s pint.Session) {
	if s.Sink.URL == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lanes[s.ID]
	if l == nil {
		l = &lane{}
		t.lanes[s.ID] = l
	}
	told := l.s.Told
	if l.s = s; l.s.Told < told {
		l.s.Told = told
	}
	t.next(l)
}

// next puts a lane that has something to tell before the workers.
func (t *Teller) next(l *lane) {
	if l.busy || l.s.Told >= len(l.s.Events) {
		return
	}
	select {
	case t.ready <- l.s.ID:
		l.busy = true
	default: // the next change tries again
	}
}

// Run tells until ctx ends.
func (t *Teller) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = t.again.Run(ctx, func(id string) {
			t.mu.Lock()
			defer t.mu.Unlock()
			if l := t.lanes[id]; l != nil {
				l.busy = false
				t.next(l)
			}
		})
	})
	for range workers {
		wg.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case id := <-t.ready:
					t.tell(ctx, id)
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// tell sends the first event that a sink has not taken.
func (t *Teller) tell(ctx context.Context, id string) {
	t.mu.Lock()
	l := t.lanes[id]
	s := l.s
	t.mu.Unlock()
	n := s.Told
	err := t.send(ctx, &s, n)
	if ctx.Err() != nil {
		return // it is sent after the restart
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		n++
		l.failures = 0
	case time.Since(s.Events[n].Time) > giveUp:
		t.cfg.Log.Error("events of a PINT session given up", "session", id, "err", err)
		n = len(l.s.Events)
	default:
		l.failures++
		t.cfg.Log.Warn("event of a PINT session not taken", "session", id, "tries", l.failures, "err", err)
		t.again.Set(id, time.Now().Add(pause(l.failures)))
		return
	}
	l.s.Told = n
	t.cfg.Sessions.Told(id, n)
	l.busy = false
	if l.s.State.Final() && n >= len(l.s.Events) {
		delete(t.lanes, id)
		return
	}
	t.next(l)
}

// pause after so many failures in a row.
func pause(failures int) time.Duration {
	return min(time.Second<<min(failures-1, 10), 10*time.Minute)
}

// send sends one event; nil means that it was taken.
func (t *Teller) send(ctx context.Context, s *pint.Session, n int) error {
	m := t.cfg.Encode(s, n)
	if m.Body == nil {
		return nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Sink.URL, bytes.NewReader(m.Body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", m.Type)
	if s.Sink.Token != "" {
		r.Header.Set("Authorization", "Bearer "+s.Sink.Token)
	}
	if len(s.Sink.Secret) > 0 {
		sign(r.Header, s.Sink.Secret, m, time.Now())
	}
	res, err := t.client.Do(r)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, res.Body, 4096) // so that the connection can be used again
	_ = res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("it answers %s", res.Status)
	}
	return nil
}

// sign signs a message as Standard Webhooks have it.
func sign(h http.Header, secret []byte, m Message, now time.Time) {
	at := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%s.%s", m.ID, at, m.Body)
	h.Set("Webhook-Id", m.ID)
	h.Set("Webhook-Timestamp", at)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
