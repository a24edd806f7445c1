package messages

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// reader is an XCAP client.
type reader struct {
	http.Client
	base, token string
}

func (s *server) reader(ctx context.Context, o Options) (*reader, error) {
	out, err := s.tandem(ctx, o, nil, "tokens", "add", "bench", "--scope", "contacts:write", "-o", "json")
	if err != nil {
		return nil, err
	}
	var made struct{ Token string }
	if err := json.Unmarshal(out, &made); err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(s.data, "ca.pem"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &reader{Client: http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}},
		base: fmt.Sprintf("https://127.0.0.1:%d/xcap-root/resource-lists/users/u5/index", s.api), token: made.Token}, nil
}

// ask sends a request, and returns how long its answer took.
func (r *reader) ask(ctx context.Context, method, node, kind, body string) (time.Duration, error) {
	q, err := http.NewRequestWithContext(ctx, method, r.base+node, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	q.Header.Set("Authorization", "Bearer "+r.token)
	q.Header.Set("Content-Type", kind)
	begun := time.Now()
	resp, err := r.Do(q)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	if resp.StatusCode/100 != 2 {
		return 0, fmt.Errorf("%s %s: %s", method, node, resp.Status)
	}
	return time.Since(begun), nil
}

func entry(i int, name string) string {
	return fmt.Sprintf(`<entry uri="sip:user%d@example.com"><display-name>%s %d</display-name></entry>`, i, name, i)
}

// lists measures requests about a list of 1,000 contacts.
func (s *server) lists(ctx context.Context, o Options) error {
	r, err := s.reader(ctx, o)
	if err != nil {
		return err
	}
	defer r.CloseIdleConnections()
	doc := `<?xml version="1.0" encoding="UTF-8"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list name="all">`
	for i := range contacts {
		doc += entry(i, "User Number")
	}
	if _, err := r.ask(ctx, "PUT", "", "application/resource-lists+xml", doc+"</list></resource-lists>"); err != nil {
		return err
	}
	node := func(i int) string {
		return fmt.Sprintf(`/~~/resource-lists/list%%5B@name=%%22all%%22%%5D/entry%%5B@uri=%%22sip:user%d@example.com%%22%%5D`, i)
	}
	for _, x := range []struct {
		what string
		ask  func(i int) (time.Duration, error)
	}{
		{"XCAP: a list of 1,000 contacts read", func(int) (time.Duration, error) { return r.ask(ctx, "GET", "", "", "") }},
		{"XCAP: one contact of it read", func(i int) (time.Duration, error) { return r.ask(ctx, "GET", node(i), "", "") }},
		{"XCAP: one contact of it changed, durable", func(i int) (time.Duration, error) {
			return r.ask(ctx, "PUT", node(i), "application/xcap-el+xml", entry(i, "Another Name"))
		}},
	} {
		const n = 300
		var took []time.Duration
		cpu := o.CPU(s.cmd.Process.Pid)
		for i := range n {
			d, err := x.ask(i)
			if err != nil {
				return err
			}
			took = append(took, d)
		}
		cpu = o.CPU(s.cmd.Process.Pid) - cpu
		slices.Sort(took)
		o.row(x.what, fmt.Sprintf("p50 %s, p95 %s at the client over HTTPS, %.0f µs of CPU", took[n/2].Round(10*time.Microsecond), took[n*95/100].Round(10*time.Microsecond), float64(cpu)/1e3/n), "2ms")
	}
	return nil
}
