package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/admin"
	"tandem/cmd/tandem/api/audit"
	"tandem/cmd/tandem/api/idempotency"
	"tandem/cmd/tandem/api/outbox"
	"tandem/rtc/directory"
	"tandem/rtc/store"
)

// inMemory is an API whose stores forget, with change made to them first.
func inMemory(t testing.TB, change func(*admin.Stores)) *API {
	t.Helper()
	stores := admin.Stores{Tokens: access.NewMemory(), Audit: new(audit.Memory), Outbox: outbox.NewMemory(), Idempotency: idempotency.NewMemory()}
	if change != nil {
		change(&stores)
	}
	log := slog.New(slog.DiscardHandler)
	state, err := admin.Open(t.Context(), admin.Config{Stores: stores, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return New(Rooms{State: state, Directory: directory.New(directory.NewMemory(), []string{"example.com"}, log), Log: log})
}

func call(a *API, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/api/v1"+path, strings.NewReader(body))
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r.WithContext(access.With(r.Context(), access.Local("root"))))
	return w
}

// fullAudit is an audit log that takes no row, or does not take the end of one.
type fullAudit struct {
	audit.Memory
	err   error
	later bool
}

func (f *fullAudit) Begin(ctx context.Context, r audit.Row) error {
	if f.later {
		return f.Memory.Begin(ctx, r)
	}
	return f.err
}

func (f *fullAudit) Finish(context.Context, int64, audit.Outcome, string, json.RawMessage) error {
	return f.err
}

// A store that takes nothing is 503 with Retry-After, and nothing is changed.
func TestFullStore(t *testing.T) {
	for _, c := range []struct {
		err  error
		code string
	}{
		{&store.Error{Kind: store.ErrQueueFull, Remedy: "try again later"}, "store_busy"},
		{&store.Error{Kind: store.ErrFull, Path: "/secret/path", Remedy: "free space on the disk"}, "disk_full"},
		{&store.Error{Kind: store.ErrReadOnly, Remedy: "make it writable"}, "store_read_only"},
		{&store.Error{Kind: store.ErrClosed}, "stopping"},
	} {
		a := inMemory(t, func(s *admin.Stores) { s.Audit = &fullAudit{err: c.err} })
		w := call(a, "POST", "/users", `{"address":"alice"}`)
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), c.code) || strings.Contains(w.Body.String(), "/secret") {
			t.Errorf("%v: %d %v %s", c.err, w.Code, w.Header(), w.Body)
		}
		if a.Directory.Count() != 0 {
			t.Errorf("%v: the user was made", c.err)
		}
	}
}

// A change whose record fails afterwards says that it was made.
func TestRecordFailed(t *testing.T) {
	a := inMemory(t, func(s *admin.Stores) { s.Audit = &fullAudit{err: errors.New("gone"), later: true} })
	w := call(a, "POST", "/users", `{"address":"alice"}`)
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "record_failed") || a.Directory.Count() != 1 {
		t.Errorf("%d %s, %d users", w.Code, w.Body, a.Directory.Count())
	}
}

// Without a server, what needs one says how to start it.
func TestNotRunning(t *testing.T) {
	a := inMemory(t, nil)
	for _, path := range []string{"/registrations", "/routes", "/bans", "/trace", "/trace/live", "/server", "/events"} {
		if w := call(a, "GET", path, ""); w.Code != 503 || !strings.Contains(w.Body.String(), "tandem serve") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := call(a, "GET", "/users", ""); w.Code != 200 {
		t.Errorf("/users: %d %s", w.Code, w.Body)
	}
}

// Nobody is let in whom nothing has named.
func TestNobody(t *testing.T) {
	w := httptest.NewRecorder()
	inMemory(t, nil).Handler().ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/users", nil))
	if w.Code != 403 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// What goes wrong unforeseen tells its cause to the log alone.
func TestUnforeseen(t *testing.T) {
	a := inMemory(t, func(s *admin.Stores) { s.Audit = &fullAudit{err: errors.New("password of the database: x")} })
	if w := call(a, "POST", "/users", `{"address":"alice"}`); w.Code != 500 || strings.Contains(w.Body.String(), "password of") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
