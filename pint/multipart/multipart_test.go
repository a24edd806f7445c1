package multipart

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"tandem/pint/sdp"
)

// example is the Content-Type and body of an example of RFC 2848 §4.
func example(t testing.TB, name string) (contentType, body string) {
	t.Helper()
	b, err := os.ReadFile("../testdata/rfc2848-" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(b), "\n\n")
	for line := range strings.SplitSeq(head, "\n") {
		if v, ok := strings.CutPrefix(line, "Content-Type:"); ok {
			return strings.TrimSpace(v), strings.ReplaceAll(body, "\n", "\r\n")
		}
	}
	t.Fatal("no Content-Type in", name)
	return "", ""
}

func TestExamples(t *testing.T) {
	for name, begins := range map[string]string{"4.5": "Hi Joe!", "4.7": "Hello!!", "4.10": "Dear Sir,"} {
		kind, body := example(t, name)
		b, err := Split([]byte(kind), []byte(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := sdp.Parse(b.Description); err != nil {
			t.Errorf("%s: %v\n%s", name, err, b.Description)
		}
		for _, id := range []string{"2@53655768", "<2@53655768>"} {
			if media, text, ok := b.Part(id); !ok || media != "text/plain" || !strings.HasPrefix(strings.TrimSpace(string(text)), begins) {
				t.Errorf("%s: part %s: %s, %q", name, id, media, text)
			}
		}
		if id := b.Unnamed(map[string]bool{}); id != "2@53655768" {
			t.Errorf("%s: unnamed %q", name, id)
		}
		if _, _, ok := b.Part("3@53655768"); ok {
			t.Error(name, "has a part that it has not")
		}
	}
}

const begin = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"

func TestRefused(t *testing.T) {
	many := begin
	for i := range 20 {
		many += fmt.Sprintf("--b\r\nContent-ID: %d\r\n\r\nx\r\n", i)
	}
	for name, c := range map[string]struct {
		kind, body string
		err        error
	}{
		"text":                 {"text/plain", "v=0", ErrType},
		"nothing":              {"", "", ErrType},
		"no boundary":          {"multipart/related", begin, ErrMalformed},
		"no part":              {"multipart/related; boundary=b", "v=0", ErrMalformed},
		"first part is text":   {"multipart/mixed; boundary=b", "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b--", ErrType},
		"part without a name":  {"multipart/mixed; boundary=b", begin + "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b--", ErrMalformed},
		"two of the same name": {"multipart/mixed; boundary=b", begin + strings.Repeat("--b\r\nContent-ID: x\r\n\r\nhi\r\n", 2) + "--b--", ErrMalformed},
		"too many":             {"multipart/mixed; boundary=b", many, ErrTooLarge},
		"too large":            {"application/sdp", strings.Repeat("a=x\r\n", maxOctets/5+1), ErrTooLarge},
	} {
		if _, err := Split([]byte(c.kind), []byte(c.body)); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, name := range []string{"4.5", "4.7", "4.10"} {
		kind, body := example(f, name)
		f.Add(kind, body)
	}
	f.Add("application/sdp", "v=0\r\n")
	f.Fuzz(func(t *testing.T, kind, body string) {
		b, err := Split([]byte(kind), []byte(body))
		if err != nil {
			return
		}
		_, _ = sdp.Parse(b.Description)
		if id := b.Unnamed(nil); id != "" {
			if _, _, ok := b.Part(id); !ok {
				t.Fatalf("part %q is there and is not", id)
			}
		}
	})
}
