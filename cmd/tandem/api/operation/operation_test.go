package operation

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/cmd/tandem/api/access"
)

// thing is a resource that counts its changes.
type thing struct {
	N int `json:"n"`
}

// records is a Recorder that writes down what it hears.
type records struct {
	mu    sync.Mutex
	lines []string
	fail  error // of Begin
}

func (r *records) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *records) Begin(_ context.Context, d *Deed) (int64, error) {
	r.note("begin %s %s %v", d.Operation, d.Resource, d.Before)
	return 1, r.fail
}

func (r *records) Done(_ context.Context, _ int64, d *Deed) error {
	r.note("done %s %v", d.Event, d.After)
	return nil
}

func (r *records) Failed(_ context.Context, _ int64, _ *Deed, why error) error {
	r.note("failed %v", why)
	return nil
}

// rig is a Set with one thing that can be seen and changed.
type rig struct {
	*Set
	records records
	mu      sync.Mutex
	value   thing
	change  func() error // nil: it succeeds
}

func newRig() *rig {
	r := &rig{}
	r.Set = New(Config{Title: "T", Version: "1", Log: slog.New(slog.DiscardHandler), Record: &r.records})
	Read(r.Set, Op{Path: "/thing", ID: "show", Short: "Show", Scope: "things:read"}, func(context.Context, *struct{}) (thing, error) { return r.see() })
	Change(r.Set, Op{Method: "POST", Path: "/thing", ID: "change", Short: "Change", Scope: "things:write", Event: "thing.changed"},
		func(ctx context.Context, do *Doing, in *struct{ Body struct{ Add int } }) (thing, error) {
			if err := do.Begin(ctx, "thing", func() (any, error) { return r.see() }); err != nil {
				return thing{}, err
			}
			if r.change != nil {
				if err := r.change(); err != nil {
					return thing{}, err
				}
			}
			r.mu.Lock()
			r.value.N += in.Body.Add
			do.After = r.value
			r.mu.Unlock()
			return r.see()
		})
	return r
}

func (r *rig) see() (thing, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.value, nil
}

func (r *rig) ask(scopes, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, Base+path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	var list access.Scopes
	for s := range strings.FieldsSeq(scopes) {
		list = append(list, access.Scope(s))
	}
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, req.WithContext(access.With(req.Context(), access.Caller{Name: "x", Scopes: list})))
	return w
}

// Of several who change what they saw at the same time, one succeeds.
func TestIfMatchUnderConcurrency(t *testing.T) {
	r := newRig()
	for round := range 20 {
		tag := r.ask("things:read", "GET", "/thing", "").Header().Get("ETag")
		var wg sync.WaitGroup
		codes := make([]int, 8)
		for i := range codes {
			wg.Go(func() { codes[i] = r.ask("things:write", "POST", "/thing", `{"Add":1}`, "If-Match", tag).Code })
		}
		wg.Wait()
		ok := 0
		for _, c := range codes {
			switch c {
			case 200:
				ok++
			case 412:
			default:
				t.Fatalf("answered %d", c)
			}
		}
		if ok != 1 || r.value.N != round+1 {
			t.Fatalf("round %d: %d changes were made, value %d", round, ok, r.value.N)
		}
	}
}

// What is recorded of a change that succeeds, fails, is refused, or panics; and the
// turn is given back whatever happens.
func TestWhatIsRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*rig)
		code    int
		want    []string
	}{
		"success":      {func(*rig) {}, 200, []string{"begin change thing {0}", "done thing.changed {1}"}},
		"failure":      {func(r *rig) { r.change = func() error { return errors.New("no") } }, 500, []string{"begin change thing {0}", "failed no"}},
		"no recording": {func(r *rig) { r.records.fail = errors.New("full") }, 500, []string{"begin change thing {0}"}},
	} {
		r := newRig()
		c.prepare(r)
		for range 2 {
			r.value, r.records.lines = thing{}, nil
			if w := r.ask("things:write", "POST", "/thing", `{"Add":1}`); w.Code != c.code || !slices.Equal(r.records.lines, c.want) {
				t.Errorf("%s: %d, %q", name, w.Code, r.records.lines)
			}
		}
		if name == "no recording" && r.value.N != 0 {
			t.Error("it was changed without a record")
		}
	}
	r := newRig()
	r.change = func() error { panic("unforeseen") }
	func() {
		defer func() { _ = recover() }()
		r.ask("things:write", "POST", "/thing", `{"Add":1}`)
	}()
	r.change = nil
	if w := r.ask("things:write", "POST", "/thing", `{"Add":1}`); w.Code != 200 {
		t.Errorf("after a panic: %d", w.Code)
	}
}

// TestRefusedBeforeBegun: who asks for what is not looked into has one row all the same, of
// an operation that wants that.
func TestRefusedBeforeBegun(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		for _, c := range []struct{ scopes, body, why string }{
			{"things:read", `{"Add":1}`, "the token does not have the scope"},
			{"things:write", `{`, "refused: 4"},
			{"things:write", `{"Add":"x"}`, "refused: 422"},
			{"things:write", `{"Add":-1}`, "too small"},
		} {
			r := &rig{}
			r.Set = New(Config{Title: "T", Version: "1", Log: slog.New(slog.DiscardHandler), Record: &r.records})
			Change(r.Set, Op{Method: "POST", Path: "/thing", ID: "change", Short: "Change", Scope: "things:write", Record: wanted},
				func(ctx context.Context, do *Doing, in *struct{ Body struct{ Add int } }) (thing, error) {
					if err := do.Begin(ctx, "thing", nil); err != nil {
						return thing{}, err
					}
					return thing{}, errors.New("too small")
				})
			if code := r.ask(c.scopes, "POST", "/thing", c.body).Code; code < 400 {
				t.Error(c, code)
			}
			began := c.why == "too small"
			switch got := r.records.lines; {
			case !wanted && !began:
				if len(got) != 0 {
					t.Errorf("%+v: recorded %q", c, got)
				}
			case len(got) != 2 || got[0] != "begin change thing <nil>" || !strings.Contains(got[1], "failed ") || !strings.Contains(got[1], c.why):
				t.Errorf("%+v: recorded %q", c, got)
			}
		}
	}
}

func TestScopesOfOperations(t *testing.T) {
	r := newRig()
	if got := fmt.Sprint(r.Scopes()); got != "[admin things:read things:write]" {
		t.Errorf("scopes %s", got)
	}
	for _, c := range []struct {
		scopes, method string
		code           int
	}{
		{"", "GET", 403}, {"things:read", "GET", 200}, {"things:read", "POST", 403}, {"things:write", "GET", 200}, {"other:write", "POST", 403}, {"admin", "POST", 200},
	} {
		if w := r.ask(c.scopes, c.method, "/thing", `{"Add":1}`); w.Code != c.code {
			t.Errorf("%q %s: %d, want %d", c.scopes, c.method, w.Code, c.code)
		}
	}
}

func TestPaginate(t *testing.T) {
	list := []string{"a", "b", "c", "d", "e"}
	all := func(after string) iter.Seq[string] {
		return slices.Values(slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s <= after }))
	}
	for limit, want := range map[int]string{1: "a|b|c|d|e", 2: "a b|c d|e", 5: "a b c d e", 9: "a b c d e"} {
		for name, page := range map[string]func(Paging) (Page[string], error){
			"by key":   func(p Paging) (Page[string], error) { return Paginate(p, func(s string) string { return s }, all) },
			"in order": func(p Paging) (Page[string], error) { return InOrder(p, list) },
		} {
			var pages []string
			for p := (Paging{Limit: limit}); ; {
				got, err := page(p)
				if err != nil {
					t.Fatal(err)
				}
				pages = append(pages, strings.Join(got.Items, " "))
				if p.Cursor = got.Next; got.Next == "" {
					break
				}
			}
			if got := strings.Join(pages, "|"); got != want {
				t.Errorf("%s, %d a page: %s, want %s", name, limit, got, want)
			}
		}
	}
	if b, _ := json.Marshal(Page[string]{Items: []string{}}); string(b) != `{"items":[]}` {
		t.Errorf("an empty page is %s", b)
	}
}

// slow is a source that has an event every 50 seconds, three in all.
type slow struct {
	n   int
	due time.Time
}

func (s *slow) Next(ctx context.Context) ([]Event, error) {
	if s.due.IsZero() {
		s.due = time.Now().Add(50 * time.Second)
	}
	select {
	case <-time.After(time.Until(s.due)):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.n, s.due = s.n+1, s.due.Add(50*time.Second)
	if s.n == 3 {
		return []Event{{ID: "3", Type: "x", Data: 3}}, io.EOF
	}
	return []Event{{ID: fmt.Sprint(s.n), Type: "x", Data: map[string]string{"text": "a\nb"}}}, nil
}

// A stream says something at least every 15 seconds, ends when its source does, and
// when its caller may no more.
func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		begun := time.Now()
		if err := pump(t.Context(), w, &slow{}, access.Caller{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != 150*time.Second {
			t.Errorf("it lasted %s", took)
		}
		text := w.Body.String()
		if n := len(slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return l != ":" })); n != 9 {
			t.Errorf("%d comments, want three before each event", n)
		}
		if !strings.Contains(text, "id: 1\nevent: x\ndata: {\"text\":\"a\\nb\"}\n\n") || !strings.HasSuffix(text, "id: 3\nevent: x\ndata: 3\n\n") {
			t.Errorf("%q", text)
		}
		begun = time.Now()
		valid := func() bool { return time.Since(begun) < 20*time.Second }
		if err := pump(t.Context(), httptest.NewRecorder(), &slow{}, access.Caller{Valid: valid}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != 2*beat {
			t.Errorf("a revoked caller heard for %s", took)
		}
	})
}

// Streams are bounded, and a client that goes gives its place back.
func TestTooManyStreams(t *testing.T) {
	set := New(Config{Log: slog.New(slog.DiscardHandler)})
	Stream(set, Op{Path: "/live", ID: "live", Short: "Live", Scope: "things:read"}, map[string]any{"x": 1},
		func(context.Context, *Resume) (Source, error) { return &slow{}, nil })
	server := httptest.NewUnstartedServer(set.Handler())
	server.Config.BaseContext = func(net.Listener) context.Context {
		return access.With(context.Background(), access.Caller{Scopes: access.Scopes{access.Admin}})
	}
	server.Start()
	defer server.Close()
	open := func() (*http.Response, func()) {
		ctx, stop := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "GET", server.URL+Base+"/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == 200 {
			if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		return resp, func() { stop(); resp.Body.Close() }
	}
	var ends []func()
	for range maxStreams {
		resp, end := open()
		if resp.StatusCode != 200 {
			t.Fatalf("answered %d", resp.StatusCode)
		}
		ends = append(ends, end)
	}
	resp, end := open()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %d", resp.StatusCode)
	}
	end()
	ends[0]()
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		resp, end := open()
		end()
		if resp.StatusCode == 200 {
			break
		}
		if time.Now().After(until) {
			t.Fatal("the place of one who has gone is not free")
		}
	}
	for _, end := range ends {
		end()
	}
}

func FuzzEntityTags(f *testing.F) {
	f.Add(`"a", W/"b"`, `"b"`)
	f.Add(`*`, `"b"`)
	f.Add(``, ``)
	f.Fuzz(func(t *testing.T, list, tag string) {
		if has(list, tag, false) && !has(list, tag, true) && !strings.HasPrefix(tag, "W/") {
			t.Errorf("%q fits %q strongly but not weakly", tag, list)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("YQ")
	f.Add("!")
	list := []string{"a", "b", "c"}
	f.Fuzz(func(t *testing.T, cursor string) {
		page, err := InOrder(Paging{Limit: 2, Cursor: cursor}, list)
		if err == nil && len(page.Items) > 2 {
			t.Errorf("%d items", len(page.Items))
		}
	})
}
