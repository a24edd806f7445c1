package fax_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/pint"
	"tandem/pint/fax"
	"tandem/pint/fetch"
	"tandem/pint/party"
)

// session has a letter that came along, a price list to be fetched from a URI, and what
// only the telephone side knows.
func session(uri string) pint.Session {
	return pint.Session{ID: "S1", Order: pint.Order{Service: "R2F", By: "sip:alice@example.com", Language: "de", A: party.Party{Number: "+4940111"},
		Content: []pint.Content{{Media: "text/plain", Part: []byte("Dear \xff")}, {Media: "application/pdf", URI: uri}, {Opaque: "price list 4"}}}}
}

// files is a server of documents that the fetcher may reach.
func files(t *testing.T) (*fetch.Fetcher, string) {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/pdf")
		if r.URL.Path == "/picture" {
			w.Header().Set("Content-Type", "image/jpeg")
		}
		io.WriteString(w, "%PDF")
	}))
	t.Cleanup(web.Close)
	return fetch.New(fetch.Config{Hosts: []string{"127.0.0.1"}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), web.URL
}

func program(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "fax.sh")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestProgram: the program gets the number, the files and the description; what it
// prints is told.
func TestProgram(t *testing.T) {
	fetcher, at := files(t)
	m, err := fax.New(fax.Config{Fetch: fetcher, Program: program(t, `cat > "$OUT/job"; echo "$1" > "$OUT/number"; cp "$2" "$3" "$OUT"; echo "1 of 2 pages"; echo "2 of 2 pages"`)})
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	t.Setenv("OUT", out)
	var told []string
	if err := m.Send(t.Context(), session(at+"/prices"), "+4930222", func(s string) { told = append(told, s) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(told, []string{"1 of 2 pages", "2 of 2 pages"}) {
		t.Errorf("told %q", told)
	}
	for name, want := range map[string]string{"number": "+4930222\n", "1.txt": "Dear \xff", "2.pdf": "%PDF"} {
		if b, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(b) != want {
			t.Errorf("%s is %q, %v; want %q", name, b, err, want)
		}
	}
	b, _ := os.ReadFile(filepath.Join(out, "job"))
	var job fax.Job
	if err := json.Unmarshal(b, &job); err != nil || job.Number != "+4930222" || job.From != "+4940111" || job.User != "sip:alice@example.com" ||
		!slices.Equal(job.Documents, []fax.Document{{Media: "text/plain", File: "1.txt"}, {Media: "application/pdf", File: "2.pdf"}, {Opaque: "price list 4"}}) {
		t.Errorf("described as %s, %v", b, err)
	}
}

// TestService: the service gets the same, and its token.
func TestService(t *testing.T) {
	fetcher, at := files(t)
	var job fax.Job
	documents := map[string]string{}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("authorised by %q", r.Header.Get("Authorization"))
		}
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
		}
		if err := json.Unmarshal([]byte(r.FormValue("job")), &job); err != nil {
			t.Error(err)
		}
		for _, h := range r.MultipartForm.File["document"] {
			f, _ := h.Open()
			b, _ := io.ReadAll(f)
			documents[h.Filename+" "+h.Header.Get("Content-Type")] = string(b)
		}
		if job.Number == "+49666" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			io.WriteString(w, "line busy")
			return
		}
		io.WriteString(w, "2 of 2 pages\n")
	}))
	t.Cleanup(service.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := fax.New(fax.Config{URL: service.URL, TokenFile: token, Fetch: fetcher})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	if err := m.Send(t.Context(), session(at+"/prices"), "+4930222", func(s string) { told = append(told, s) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(told, []string{"2 of 2 pages"}) || job.Session != "S1" || documents["1.txt text/plain"] != "Dear \xff" || documents["2.pdf application/pdf"] != "%PDF" {
		t.Errorf("told %q, job %+v, documents %q", told, job, documents)
	}
	err = m.Send(t.Context(), session(at+"/prices"), "+49666", func(string) {})
	if r := new(pint.Refusal); !errors.As(err, &r) || r.Code != 502 || !strings.Contains(r.Text, "line busy") {
		t.Errorf("a refusal of the service is %v", err)
	}
}

// TestFails: what goes wrong, and as what it is told.
func TestFails(t *testing.T) {
	fetcher, at := files(t)
	for name, c := range map[string]struct {
		cfg  fax.Config
		uri  string
		code int
		text string
	}{
		"line busy":       {fax.Config{Program: program(t, "echo dialling; echo line busy >&2; exit 3")}, at, 502, "line busy"},
		"says it so":      {fax.Config{Program: program(t, "echo no carrier; exit 1")}, at, 502, "no carrier"},
		"no program":      {fax.Config{Program: "/nowhere/fax"}, at, 501, "does not start"},
		"takes too long":  {fax.Config{Program: program(t, "exec sleep 60"), Time: 2 * time.Second}, at, 502, "killed"},
		"nobody there":    {fax.Config{URL: "http://127.0.0.1:1/"}, at, 502, "does not answer"},
		"another type":    {fax.Config{Program: program(t, "")}, at + "/picture", 415, "Incompatible media format: image/jpeg"},
		"forbidden place": {fax.Config{Program: program(t, "")}, "http://192.0.2.1/x", 606, "pint.fetch_hosts"},
	} {
		c.cfg.Fetch = fetcher
		m, err := fax.New(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		err = m.Send(t.Context(), session(c.uri), "+4930222", func(string) {})
		if r := new(pint.Refusal); !errors.As(err, &r) || r.Code != c.code || !strings.Contains(r.Text, c.text) {
			t.Errorf("%s: %v; want %d with %q", name, err, c.code, c.text)
		}
	}
	m, _ := fax.New(fax.Config{Program: program(t, "exec sleep 60"), Fetch: fetcher})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := m.Send(ctx, session(at), "+4930222", func(string) {}); err == nil {
		t.Error("sent although nobody waits")
	}
}

// TestCan: what is taken on at all.
func TestCan(t *testing.T) {
	fetcher, at := files(t)
	m, err := fax.New(fax.Config{Program: "x", Fetch: fetcher})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		content pint.Content
		code    int
	}{
		{pint.Content{Media: "text/plain", Part: []byte("x")}, 0},
		{pint.Content{Media: "IMAGE/TIFF", URI: at}, 0},
		{pint.Content{Media: "text/x", Opaque: ""}, 0},
		{pint.Content{Media: "image/jpeg", Part: []byte("x")}, 415},
		{pint.Content{Media: "application/pdf", URI: "file:///etc/passwd"}, 606},
	} {
		code := 0
		if r := new(pint.Refusal); errors.As(m.Can(c.content), &r) {
			code = r.Code
		}
		if code != c.code {
			t.Errorf("%+v: %d, want %d", c.content, code, c.code)
		}
	}
	for _, cfg := range []fax.Config{{}, {Program: "x", URL: "y"}} {
		if _, err := fax.New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
