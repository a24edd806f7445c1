package outbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"tandem/cmd/tandem/api/events"
)

// Run sends what waits until ctx ends.
func (o *Outbox) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	o.mu.Lock()
	o.launch = func(q *queue) {
		var c context.Context
		c, q.stop = context.WithCancel(ctx)
		for range workers {
			wg.Go(func() { o.work(c, q) })
		}
	}
	for _, q := range o.hooks {
		o.launch(q)
	}
	o.mu.Unlock()
	<-ctx.Done()
	o.mu.Lock()
	o.launch = nil
	o.mu.Unlock()
	wg.Wait()
	return nil
}

// work sends one delivery after the other.
func (o *Outbox) work(ctx context.Context, q *queue) {
	for ctx.Err() == nil {
		o.mu.Lock()
		l, d, wait := q.next(time.Now())
		o.mu.Unlock()
		if l != nil {
			o.deliver(ctx, q, l, d)
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-t.C:
		}
		t.Stop()
	}
}

// verdict is what became of an attempt to deliver.
type verdict int

const (
	taken   verdict = iota
	refused         // the hook is well, but does not take this one
	givenUp         // refused for too long
	silent          // the hook does not answer, or asks to be left alone
	unread          // the delivery could not be read from the store
)

// deliver sends the first delivery of a lane, which no other worker has.
func (o *Outbox) deliver(ctx context.Context, q *queue, l *lane, d Delivery) {
	body, err := o.store.Body(ctx, d.ID)
	v := unread
	if err == nil {
		err = o.post(ctx, &q.hook, d.Event, body)
		v = judge(err, d)
	}
	if ctx.Err() != nil {
		return // the row stays, and is sent after the restart
	}
	if v == unread {
		o.log.Error("stored webhook delivery cannot be read", "hook", q.hook.Name, "err", err)
	}
	if v == givenUp {
		o.log.Error("webhook delivery given up", "hook", q.hook.Name, "event", d.Type, "resource", d.Resource, "err", err)
	}
	if v == taken || v == givenUp {
		if lost := o.store.Delete(ctx, d.ID); lost != nil {
			o.log.Error("webhook delivery not deleted; it may be sent again after a restart", "err", lost)
		}
	}
	o.settle(q, l, v, err)
	if v == givenUp {
		o.giveUp(q, d)
	}
}

// judge says what an answer to a delivery means.
func judge(err error, d Delivery) verdict {
	var a *answered
	switch {
	case err == nil:
		return taken
	case !errors.As(err, &a) || a.code >= 500 || a.code == http.StatusTooManyRequests:
		return silent
	case time.Since(d.Created) > giveUp:
		return givenUp
	}
	return refused
}

// settle notes what became of the first delivery of a lane.
func (o *Outbox) settle(q *queue, l *lane, v verdict, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if v != silent {
		q.fault, q.failures = "", 0
	}
	switch v {
	case taken:
		q.delivered++
		q.took = now
	case givenUp:
		q.failed++
	case refused, unread:
		l.tries++
		l.fault = err.Error()
		l.due = now.Add(backOff(l.tries))
	case silent:
		if q.failures == 0 {
			o.log.Warn("webhook does not answer", "hook", q.hook.Name, "err", err)
		}
		q.failures++
		q.fault = err.Error()
		q.paused = now.Add(max(backOff(q.failures), pause(err)))
	}
	q.back(l, v == taken || v == givenUp)
}

// giveUp tells the hook that something about the resource is missing.
func (o *Outbox) giveUp(q *queue, d Delivery) {
	e := missed(events.Event{ID: d.Event + "-missed", Time: time.Now(), Resource: d.Resource}, "the webhook refused an event for three days")
	body := encode(e)
	o.mu.Lock()
	q.take(len(body))
	list := []Delivery{o.delivery(q, e, eventMissed, body)}
	o.mu.Unlock()
	err := o.add(list, func(err error) {
		if err != nil {
			o.log.Error("storing a webhook delivery", "err", err)
		}
	})
	if err != nil {
		o.log.Error("storing a webhook delivery", "err", err)
	}
}

// answered is an answer other than a success.
type answered struct {
	code  int
	retry time.Duration
}

func (a *answered) Error() string {
	return fmt.Sprintf("answered %d %s", a.code, http.StatusText(a.code))
}

// pause is how long the hook asks to be left alone, an hour at most.
func pause(err error) time.Duration {
	var a *answered
	if errors.As(err, &a) {
		return min(a.retry, time.Hour)
	}
	return 0
}

const timeout = 10 * time.Second

// post sends one request. nil when the hook has taken it.
func (o *Outbox) post(ctx context.Context, h *Hook, id string, body []byte) error {
	if len(h.Secret) == 0 {
		return errors.New("its secret was sealed with another key; restore the key file of the data folder, or remove the webhook and add it again")
	}
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "tandem")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", at)
	r.Header.Set("webhook-signature", sign(h.Secret, id, at, body))
	resp, err := o.transport.RoundTrip(r) // follows no redirection: it could lead anywhere
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // a date counts as none
	return &answered{code: resp.StatusCode, retry: time.Duration(max(seconds, 0)) * time.Second}
}

// sign is the signature of Standard Webhooks 1.0.
func sign(secret []byte, id, at string, body []byte) string {
	m := hmac.New(sha256.New, secret)
	fmt.Fprintf(m, "%s.%s.%s", id, at, body)
	return "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// Test sends one event to a hook at once, past its queue, and returns how long the
// answer took.
func (o *Outbox) Test(ctx context.Context, name string, e events.Event) (time.Duration, error) {
	s, err := o.Get(name)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	err = o.post(ctx, &s.Hook, e.ID, encode(e))
	return time.Since(begun), err
}
