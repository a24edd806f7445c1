package pint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/pint"
	"tandem/rtc/sip"
)

// TestPINTFax: a document of 700 kB that comes along over TCP goes to the fax program,
// whose pages the client is told; a BYE meanwhile is refused, and the fax is sent.
func TestPINTFax(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "fax.sh")
	script := `#!/bin/sh
cat > /dev/null; cp "$2" ` + dir + `/sent.pdf; echo "page 1 of 2"
until [ -e ` + dir + `/go ]; do sleep 0.05; done
echo "page 2 of 2"`
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	r, _, _, _ := pintRig(t, func(cfg *config.Config) { cfg.PINT.Fax.Program = program })
	q := &pintClient{r.Dial(t, "tcp"), "alice"}
	text := q.example(t, "4.9", "R2C@", "R2F@", "m=audio 1  voice -", "m=application 1 fax pdf\na=fmtp:pdf spr:doc@x", "Content-type: application/sdp", "Content-Type: multipart/related; boundary=next")
	head, sdp, _ := strings.Cut(strings.Replace(text, "SIP/2.0/UDP", "SIP/2.0/TCP", 1), "\r\n\r\n")
	document := strings.Repeat("%PDF-1.7 \xff\x00 page", 43_000)
	with := func(document string) string {
		body := "--next\r\nContent-Type: application/sdp\r\n\r\n" + sdp + "\r\n--next\r\nContent-Type: application/pdf\r\nContent-ID: <doc@x>\r\n\r\n" + document + "\r\n--next--\r\n"
		return contentLength.ReplaceAllString(head, fmt.Sprint("Content-Length: ", len(body))) + "\r\n\r\n" + body
	}
	ok := q.invite(t, with(document))
	if ok.StatusCode() != 200 {
		t.Fatalf("answered\n%s", ok.Bytes())
	}
	q.within(ok, "SUBSCRIBE", "Content-Type: application/sdp\nExpires: 300\n", sdp)
	if m := q.Final(string(ok.CallID()), "SUBSCRIBE"); m.StatusCode() != 200 {
		t.Fatalf("SUBSCRIBE was answered\n%s", m.Bytes())
	}
	q.plainAck(ok, head)
	told := func(want ...string) {
		t.Helper()
		for _, w := range want {
			m := q.Request("NOTIFY")
			if got := info(t, m); got != w {
				t.Errorf("status %q, want %q", got, w)
			}
			q.Reply(m, 200, "", "", "")
		}
	}
	told("queued", "dialling B", "page 1 of 2")
	q.within(ok, "BYE", "", "")
	m := q.Final(string(ok.CallID()), "BYE")
	if m.StatusCode() != 606 || !strings.Contains(string(m.Get(sip.HdrWarning)), `"Fax in progress, service cannot be aborted"`) || info(t, m) != "page 1 of 2" {
		t.Errorf("BYE was answered\n%s", m.Bytes())
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	told("page 2 of 2", "sent OK")
	if b, err := os.ReadFile(filepath.Join(dir, "sent.pdf")); err != nil || string(b) != document {
		t.Errorf("sent were %d octets of %d, %v", len(b), len(document), err)
	}
	if s := pintSession(r, t); s.State != pint.Completed || s.Service != "R2F" {
		t.Errorf("session %s %s", s.Service, s.State)
	}
	large := &pintClient{r.Dial(t, "tcp"), "alice"}
	if m := large.invite(t, strings.Replace(with(strings.Repeat("x", 1<<20)), "Call-ID: ", "Call-ID: l", 1)); m.StatusCode() != 413 || m.Get(sip.HdrWarning) == nil {
		t.Errorf("more than 1 MiB was answered\n%s", m.Bytes())
	}
}
