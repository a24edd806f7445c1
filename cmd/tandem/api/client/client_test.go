package client

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"tandem/cmd/tandem/api/problem"
)

func TestReadEvents(t *testing.T) {
	for text, want := range map[string]string{
		"id: 1\nevent: a\ndata: x\n\n":                  "1 a x|",
		": hello\n\nid:1\nevent:a\ndata:x\n\n:\n\n":     "1 a x|",
		"data: x\ndata: y\n\ndata: z\n\n":               "  x\ny|  z|",
		"id: 1\ndata: x\n\nevent: b\ndata: y\n\n":       "1  x|1 b y|",
		"id: 1\r\nevent: a\r\ndata: x\r\n\r\n":          "1 a x|",
		"id: 1\nevent: a\ndata: cut":                    "",
		"unknown: field\nretry: 1\ndata: x\n\nno colon": "  x|",
	} {
		var got strings.Builder
		err := readEvents(strings.NewReader(text), func(e Event) bool {
			got.WriteString(e.ID + " " + e.Type + " " + string(e.Data) + "|")
			return true
		})
		if err != nil || got.String() != want {
			t.Errorf("%q:\n got %q, %v\nwant %q", text, got.String(), err, want)
		}
	}
}

func FuzzReadEvents(f *testing.F) {
	f.Add("id: 1\nevent: a\ndata: x\n\n")
	f.Add(":\n\n\r\n\r\ndata\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		_ = readEvents(strings.NewReader(text), func(e Event) bool {
			if e.Data == nil || strings.Contains(e.ID+e.Type, "\n") {
				t.Errorf("%q: %+v", text, e)
			}
			return true
		})
	})
}

// What is no problem of ours is an error all the same.
func TestFailure(t *testing.T) {
	for body, says := range map[string]string{
		`{"status":404,"title":"Not Found","code":"user_unknown","detail":"no such user","remedy":"look"}`: "no such user: look",
		`<html>`: "502 Bad Gateway <html>",
		``:       "502 Bad Gateway",
	} {
		err := failure(&http.Response{StatusCode: 502, Status: "502 Bad Gateway", Body: io.NopCloser(strings.NewReader(body))})
		var p *problem.Problem
		if !errors.As(err, &p) || err.Error() != says {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// A socket that is not there, and one whose server is gone, mean that none runs.
func TestDial(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if _, err := Dial(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no socket: %v", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Dial(path); err != nil {
		t.Errorf("a server: %v", err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := Dial(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its socket alone: %v", err)
	}
}
