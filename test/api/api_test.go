package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tandem/test/harness"
)

// TestProblems: what fails says so with status, code and remedy, as a problem of
// RFC 9457.
func TestProblems(t *testing.T) {
	w := harness.SocketClient(t, harness.Running(t, nil))
	if r := w.Do("POST", "/users", `{"address":"alice"}`); r.Code != 201 {
		t.Fatalf("making alice: %d %s", r.Code, r.Text)
	}
	for _, c := range []struct {
		method, path, body string
		headers            []string
		code               int
		name, says         string
	}{
		{"GET", "/users/nobody", "", nil, 404, "user_unknown", "see the list of users"},
		{"POST", "/users", `{"address":"alice"}`, nil, 409, "taken", "choose another name"},
		{"POST", "/users", `{"address":"alice@elsewhere.test"}`, nil, 422, "domain_unknown", "add it to the configuration"},
		{"POST", "/users", `{"address":"b b"}`, nil, 422, "invalid", "letters, digits"},
		{"POST", "/users", `{"address":"bob","pasword":"x"}`, nil, 422, "request_invalid", "body.pasword"},
		{"POST", "/users", `{"address":`, nil, 400, "request_invalid", "openapi"},
		{"POST", "/users", `address=bob`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "media_type_unknown", "application/json"},
		{"POST", "/users", `{"address":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 413, "body_too_large", "send less"},
		{"GET", "/users?colour=red", "", nil, 422, "request_invalid", "query.colour"},
		{"GET", "/users?limit=0", "", nil, 422, "request_invalid", "query.limit"},
		{"GET", "/users?cursor=!", "", nil, 422, "cursor_invalid", "leave it out"},
		{"GET", "/nothing", "", nil, 404, "path_unknown", "openapi"},
		{"PUT", "/users", "", nil, 405, "method_not_allowed", "openapi"},
		{"DELETE", "/bans/nowhere", "", nil, 422, "address_invalid", "tandem bans list"},
		{"DELETE", "/registrations/alice", "", nil, 404, "registration_unknown", "tandem registrations list"},
		{"PATCH", "/users/alice", `{"enabled":false}`, []string{"If-Match", `"old"`}, 412, "changed_meanwhile", "read it again"},
		{"DELETE", "/users/alice", "", []string{"If-Match", `"old", W/"older"`}, 412, "changed_meanwhile", "read it again"},
	} {
		r := w.Do(c.method, c.path, c.body, c.headers...)
		what := fmt.Sprintf("%s %.40s %.40s", c.method, c.path, c.body)
		if r.Code != c.code || r.Body["code"] != c.name || !strings.Contains(r.Text, c.says) {
			t.Errorf("%s: %d %.300s; want %d %s %q", what, r.Code, r.Text, c.code, c.name, c.says)
		}
		if kind := r.Header.Get("Content-Type"); kind != "application/problem+json" {
			t.Errorf("%s: Content-Type %q", what, kind)
		}
		if r.Body["status"] != float64(c.code) || r.Body["title"] != http.StatusText(c.code) {
			t.Errorf("%s: status %v, title %v", what, r.Body["status"], r.Body["title"])
		}
	}
	if r := w.Do("GET", "/users/alice", ""); r.Code != 200 || r.Body["enabled"] != true {
		t.Errorf("a change that was refused was made: %d %s", r.Code, r.Text)
	}
}

// TestEntityTags: a resource is changed only as it was seen, and sent only when
// it is new.
func TestEntityTags(t *testing.T) {
	w := harness.SocketClient(t, harness.Running(t, nil))
	made := w.Do("POST", "/users", `{"address":"alice","aliases":["100"]}`)
	if made.Header.Get("Location") != "/api/v1/users/sip:alice@example.com" || made.Body["password"] == nil {
		t.Fatalf("made %v %s", made.Header, made.Text)
	}
	seen := w.Do("GET", "/users/sip:alice%40example.com", "")
	tag := seen.Header.Get("ETag")
	if tag == "" || tag != made.Header.Get("ETag") || seen.Body["password"] != nil {
		t.Fatalf("seen with tag %s, made with %s: %s", tag, made.Header.Get("ETag"), seen.Text)
	}
	if r := w.Do("GET", "/users/alice", "", "If-None-Match", `W/`+tag); r.Code != 304 || r.Text != "" || r.Header.Get("ETag") != tag {
		t.Errorf("unchanged: %d %q %s", r.Code, r.Text, r.Header.Get("ETag"))
	}
	changed := w.Do("PATCH", "/users/alice", `{"add_alias":"101"}`, "If-Match", `"another", `+tag)
	if changed.Code != 200 || changed.Header.Get("ETag") == tag {
		t.Errorf("changed: %d %s", changed.Code, changed.Text)
	}
	if r := w.Do("PATCH", "/users/alice", `{"add_alias":"102"}`, "If-Match", tag); r.Code != 412 {
		t.Errorf("changed by one who saw what is there no more: %d %s", r.Code, r.Text)
	}
	if r := w.Do("DELETE", "/users/alice", "", "If-Match", changed.Header.Get("ETag")); r.Code != 200 || r.Body["address"] != "sip:alice@example.com" {
		t.Errorf("deleted: %d %s", r.Code, r.Text)
	}
	if r := w.Do("GET", "/users/alice", ""); r.Code != 404 {
		t.Errorf("still there: %d", r.Code)
	}
}

// TestPages: a list comes in pages, whole and in order, while it grows.
func TestPages(t *testing.T) {
	w := harness.SocketClient(t, harness.Running(t, nil))
	var csv strings.Builder
	for i := range 250 {
		fmt.Fprintf(&csv, "user%03d,,password-%d\n", i, i)
	}
	if r := w.Do("POST", "/users/import", csv.String(), "Content-Type", "text/csv"); r.Code != 200 {
		t.Fatal(r.Text)
	}
	var all []string
	path := "/users?limit=60"
	for pages := 1; ; pages++ {
		r := w.Do("GET", path, "")
		items, ok := r.Body["items"].([]any)
		if !ok || len(items) > 60 {
			t.Fatalf("page %d: %d items, %.200s", pages, len(items), r.Text)
		}
		for _, x := range items {
			all = append(all, x.(map[string]any)["address"].(string))
		}
		next, _ := r.Body["next"].(string)
		if next == "" {
			if pages != 5 {
				t.Errorf("%d pages, want 5", pages)
			}
			break
		}
		if pages == 1 { // what comes before the cursor moves nothing
			w.Do("POST", "/users", `{"address":"aaron"}`)
			w.Do("DELETE", "/users/user059", "") // the cursor itself
		}
		path = "/users?limit=60&cursor=" + next
	}
	if len(all) != 250 {
		t.Fatalf("%d users, want 250", len(all))
	}
	for i, a := range all {
		if want := fmt.Sprintf("sip:user%03d@example.com", i); a != want {
			t.Fatalf("user %d is %s, want %s", i, a, want)
		}
	}
}

// TestLiveTrace: messages come as server-sent events, and a client that was away
// goes on where it was.
func TestLiveTrace(t *testing.T) {
	s := harness.Running(t, nil)
	w := harness.SocketClient(t, s)
	add := func(id int) {
		s.Trace().Add(time.Now(), false, "udp 127.0.0.1:1 127.0.0.1:2", fmt.Appendf(nil, "OPTIONS sip:x SIP/2.0\r\nCall-ID: %d\r\n\r\n", id))
	}
	add(1)
	add(2)
	read := func(after string, n int) (ids, calls []string) {
		ctx, stop := context.WithTimeout(t.Context(), harness.Patience)
		defer stop()
		r, err := http.NewRequestWithContext(ctx, "GET", w.Base+"/trace/live", nil)
		if err != nil {
			t.Fatal(err)
		}
		if after != "" {
			r.Header.Set("Last-Event-ID", after)
		}
		resp, err := w.Web.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
			t.Fatalf("Content-Type %s", kind)
		}
		for lines := bufio.NewScanner(resp.Body); len(calls) < n && lines.Scan(); {
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				ids = append(ids, id)
			}
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var m struct{ Text string }
				if err := json.Unmarshal([]byte(data), &m); err != nil {
					t.Fatal(err)
				}
				calls = append(calls, strings.TrimSpace(m.Text[strings.Index(m.Text, "Call-ID: ")+9:]))
			}
		}
		return ids, calls
	}
	ids, calls := read("0", 2)
	if fmt.Sprint(calls) != "[1 2]" {
		t.Fatalf("from the beginning: %v", calls)
	}
	add(3)
	if _, calls := read(ids[0], 2); fmt.Sprint(calls) != "[2 3]" {
		t.Errorf("after the first: %v", calls)
	}
	if r := w.Do("GET", "/trace?call_id=2", ""); len(r.Body["items"].([]any)) != 1 {
		t.Errorf("one Call-ID: %s", r.Text)
	}
}
