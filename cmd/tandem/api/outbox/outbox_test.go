package outbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/cmd/tandem/api/events"
)

// receiver is a webhook that answers as it is told.
type receiver struct {
	mu      sync.Mutex
	answer  func(e events.Event) (code int, err error) // nil: takes all
	took    []events.Event
	asked   int
	delay   time.Duration
	request *http.Request
	body    []byte
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(req.Body)
	var e events.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.asked++
	r.request, r.body = req, body
	r.mu.Unlock()
	if r.delay > 0 {
		time.Sleep(r.delay)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	code := 204
	if r.answer != nil {
		var err error
		if code, err = r.answer(e); err != nil {
			return nil, err
		}
	}
	if code < 300 {
		r.took = append(r.took, e)
	}
	return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil))}, nil
}

func (r *receiver) set(answer func(events.Event) (int, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// of are the numbers taken about one resource, in order.
func (r *receiver) of(resource string) (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.took {
		if e.Resource == resource {
			list = append(list, e.ID)
		}
	}
	return list
}

// all is everything taken so far.
func (r *receiver) all() []events.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.took)
}

// times is how often it was asked.
func (r *receiver) times() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

func event(id int, resource string) events.Event {
	return events.Event{ID: fmt.Sprint(id), Type: "user.changed", Time: time.Now(), Resource: resource, Data: json.RawMessage(`{"a":1}`)}
}

// open makes an outbox with one hook that sends to r, running until the test ends.
func open(t *testing.T, store Store, r *receiver, types ...string) *Outbox {
	t.Helper()
	o, err := Open(t.Context(), Config{Store: store, Transport: r, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if len(o.List()) == 0 {
		if _, err := o.Add(t.Context(), Hook{Name: "hook", URL: "https://hook.test/x", Types: types}); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func run(t *testing.T, o *Outbox) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func put(t *testing.T, o *Outbox, e events.Event) {
	t.Helper()
	if err := o.Put(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// Events of one resource arrive in order while those of others do not wait for
// it: a hook that refuses one thing still hears of the rest.
func TestOrderOfOneResource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{delay: 20 * time.Millisecond}
		r.set(func(e events.Event) (int, error) {
			if e.Resource == "a" {
				return 422, nil
			}
			return 204, nil
		})
		o := open(t, NewMemory(), r)
		defer run(t, o)()
		for i := range 5 {
			put(t, o, event(i, "a"))
			put(t, o, event(10+i, "b"))
		}
		time.Sleep(time.Second)
		if got := r.of("b"); !slices.Equal(got, []string{"10", "11", "12", "13", "14"}) {
			t.Errorf("b took %v", got)
		}
		if got := r.of("a"); len(got) != 0 {
			t.Errorf("a took %v", got)
		}
		if s := o.List()[0]; s.Pending != 5 || !strings.Contains(s.Fault, "422") {
			t.Errorf("state %+v", s)
		}
		r.set(nil)
		time.Sleep(time.Minute)
		if got := r.of("a"); !slices.Equal(got, []string{"0", "1", "2", "3", "4"}) {
			t.Errorf("a took %v", got)
		}
		if s := o.List()[0]; s.Pending != 0 || s.Fault != "" || s.Delivered != 10 {
			t.Errorf("state %+v", s)
		}
	})
}

// A hook that does not answer is asked with one delivery at a time, less and less
// often, and gets everything when it is back.
func TestHookThatDoesNotAnswer(t *testing.T) {
	for name, failure := range map[string]func(events.Event) (int, error){
		"no connection": func(events.Event) (int, error) { return 0, errors.New("connection refused") },
		"503":           func(events.Event) (int, error) { return 503, nil },
		"429":           func(events.Event) (int, error) { return 429, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{}
				r.set(failure)
				o := open(t, NewMemory(), r)
				defer run(t, o)()
				for i := range 50 {
					put(t, o, event(i, fmt.Sprint("resource ", i%10)))
				}
				time.Sleep(24 * time.Hour)
				if r.times() < 100 || r.times() > 200 {
					t.Errorf("asked %d times in a day, want about 150", r.times())
				}
				asked := r.times()
				time.Sleep(96 * time.Hour) // more than what is refused is kept for
				r.set(nil)
				time.Sleep(12 * time.Minute)
				if len(r.all()) != 50 {
					t.Errorf("took %d of 50", len(r.all()))
				}
				if r.times() < asked {
					t.Error("it was not asked any more")
				}
			})
		})
	}
}

// What a hook refuses for three days is given up, and it is told so.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		r.set(func(e events.Event) (int, error) {
			if e.ID == "1" {
				return 400, nil
			}
			return 204, nil
		})
		o := open(t, NewMemory(), r)
		defer run(t, o)()
		put(t, o, event(1, "a"))
		put(t, o, event(2, "a"))
		time.Sleep(71 * time.Hour)
		if len(r.all()) != 0 {
			t.Fatalf("took %v before its time", r.all())
		}
		time.Sleep(2 * time.Hour)
		if len(r.all()) != 2 || r.all()[0].ID != "2" || r.all()[1].Type != eventMissed || r.all()[1].Resource != "a" {
			t.Errorf("took %+v", r.all())
		}
		if s := o.List()[0]; s.Failed != 1 || s.Pending != 0 {
			t.Errorf("state %+v", s)
		}
	})
}

// The queue of a hook is bounded; what did not fit is told once.
func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		store := NewMemory()
		o := open(t, store, r)
		for i := range maxPending + 500 {
			put(t, o, event(i, "a"))
		}
		if s := o.List()[0]; s.Pending != maxPending+1 || s.Missed != 500 {
			t.Fatalf("%d pending, %d missed", s.Pending, s.Missed)
		}
		defer run(t, o)()
		time.Sleep(time.Minute)
		if list := r.all(); len(list) != maxPending+1 || list[len(list)-1].Type != eventMissed {
			t.Fatalf("took %d, the last is %s", len(list), list[len(list)-1].Type)
		}
		put(t, o, event(1, "a"))
		time.Sleep(time.Second)
		if n := len(r.all()); r.all()[n-1].Type != "user.changed" {
			t.Error("it hears of nothing any more")
		}
	})
}

// After a restart everything that was not taken is sent, in order.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		r.set(func(events.Event) (int, error) { return 500, nil })
		store := NewMemory()
		o := open(t, store, r)
		stop := run(t, o)
		for i := range 20 {
			put(t, o, event(i, "a"))
		}
		time.Sleep(time.Minute)
		stop()
		r.set(nil)
		o = open(t, store, r)
		defer run(t, o)()
		put(t, o, event(20, "a"))
		time.Sleep(time.Minute)
		got := r.of("a")
		if len(got) != 21 || !slices.IsSortedFunc(got, func(a, b string) int { return len(a)*100 + int(a[0]) - len(b)*100 - int(b[0]) }) {
			t.Errorf("took %v", got)
		}
	})
}

// A hook gets the types it asked for, and nothing when it was removed.
func TestTypesAndRemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		o := open(t, NewMemory(), r, "call.*", "user.added")
		defer run(t, o)()
		for i, kind := range []string{"user.changed", "user.added", "call.ended", "callback.made"} {
			e := event(i, "x")
			e.Type = kind
			put(t, o, e)
		}
		time.Sleep(time.Second)
		if got := r.of("x"); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("took %v", got)
		}
		r.set(func(events.Event) (int, error) { return 500, nil })
		e := event(9, "x")
		e.Type = "call.begun"
		put(t, o, e)
		time.Sleep(time.Second)
		if err := o.Remove(t.Context(), "hook"); err != nil {
			t.Fatal(err)
		}
		asked := r.times()
		put(t, o, e)
		time.Sleep(time.Hour)
		if r.times() != asked || len(o.List()) != 0 {
			t.Errorf("asked %d times more", r.times()-asked)
		}
		if err := o.Remove(t.Context(), "hook"); !errors.Is(err, ErrUnknown) {
			t.Errorf("removed twice: %v", err)
		}
	})
}

// A request is signed as Standard Webhooks have it.
func TestSignature(t *testing.T) {
	// The example of the specification's own libraries.
	secret, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		o := open(t, NewMemory(), r)
		if _, err := o.Test(t.Context(), "hook", event(7, "test")); err != nil {
			t.Fatal(err)
		}
		h := r.request.Header
		m := hmac.New(sha256.New, o.List()[0].Secret)
		fmt.Fprintf(m, "%s.%s.%s", h.Get("webhook-id"), h.Get("webhook-timestamp"), r.body)
		if want := "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil)); h.Get("webhook-signature") != want || h.Get("webhook-id") != "7" {
			t.Errorf("header %v, want signature %s", h, want)
		}
	})
}

// Hooks lead to other machines only, unless it is allowed, whatever name or
// spelling leads here.
func TestWhereHooksMayLead(t *testing.T) {
	for _, c := range []struct {
		url     string
		allowed string
		refused bool
	}{
		{"https://127.0.0.1:1/", "", true},
		{"https://localhost:1/", "", true},
		{"https://[::1]:1/", "", true},
		{"https://[::ffff:127.0.0.1]:1/", "", true},
		{"https://0.0.0.0:1/", "", true},
		{"https://169.254.169.254:1/", "", true},
		{"https://[fe80::1%25lo]:1/", "", true},
		{"http://127.0.0.1:1/", "", true},
		{"http://192.0.2.1:1/", "", true}, // without TLS
		{"https://127.0.0.1:1/", "127.0.0.0/8", false},
		{"http://127.0.0.1:1/", "127.0.0.0/8", false},
	} {
		var allowed []netip.Prefix
		if c.allowed != "" {
			allowed = append(allowed, netip.MustParsePrefix(c.allowed))
		}
		req, err := http.NewRequestWithContext(t.Context(), "POST", c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := NewTransport(nil, allowed).RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		if got := errors.Is(err, errForbidden); got != c.refused || err == nil {
			t.Errorf("%s (allowed %q): %v", c.url, c.allowed, err)
		}
	}
}

func TestHooksNotAllowed(t *testing.T) {
	o, err := Open(t.Context(), Config{Store: NewMemory(), Transport: &receiver{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []Hook{
		{Name: "", URL: "https://a.test/"},
		{Name: "a/b", URL: "https://a.test/"},
		{Name: "a", URL: "ftp://a.test/"},
		{Name: "a", URL: "https:///x"},
		{Name: "a", URL: "https://user:password@a.test/"},
		{Name: "a", URL: "https://a.test/", Secret: []byte("short")},
		{Name: "a", URL: "https://a.test/", Types: []string{"a b"}},
	} {
		if _, err := o.Add(t.Context(), h); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", h, err)
		}
	}
	for i := range maxHooks {
		if _, err := o.Add(t.Context(), Hook{Name: fmt.Sprint("hook", i), URL: "https://a.test/"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.Add(t.Context(), Hook{Name: "more", URL: "https://a.test/"}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	if _, err := o.Add(t.Context(), Hook{Name: "hook1", URL: "https://a.test/"}); !errors.Is(err, ErrTaken) {
		t.Errorf("taken: %v", err)
	}
}
