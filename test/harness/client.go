package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/server"
)

// Client is an HTTP client that shares no code with ours.
type Client struct {
	T     *testing.T
	Web   http.Client
	Base  string
	Token string
}

// SocketClient is a client at the control socket.
func SocketClient(t *testing.T, s *server.Server) *Client {
	path := s.Config().Socket()
	return &Client{T: t, Base: "http://server/api/v1", Web: http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}}}
}

// Reply is an answer, read.
type Reply struct {
	Code   int
	Header http.Header
	Body   map[string]any
	Text   string
}

// Do sends a request and reads the answer; headers are names and values in turn.
func (w *Client) Do(method, path, body string, headers ...string) Reply {
	w.T.Helper()
	r, err := http.NewRequest(method, w.Base+path, strings.NewReader(body))
	if err != nil {
		w.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if w.Token != "" {
		r.Header.Set("Authorization", "Bearer "+w.Token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	resp, err := w.Web.Do(r)
	if err != nil {
		w.T.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.T.Fatal(err)
	}
	out := Reply{Code: resp.StatusCode, Header: resp.Header, Text: string(b)}
	_ = json.Unmarshal(b, &out.Body) // tests look at what they expect
	return out
}

// HTTPSClient is a client of a running server that trusts its CA, with a token of the
// scopes.
func HTTPSClient(t *testing.T, s *server.Server, scopes ...string) *Client {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Config().Data, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b)
	w := &Client{T: t, Base: "https://" + s.API().Addr() + "/api/v1",
		Web: http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}}
	if len(scopes) > 0 {
		in, _ := json.Marshal(map[string]any{"name": strings.ReplaceAll(strings.Join(scopes, "-"), ":", "."), "scopes": scopes})
		r := SocketClient(t, s).Do("POST", "/tokens", string(in))
		w.Token, _ = r.Body["token"].(string)
		if w.Token == "" {
			t.Fatal(r.Text)
		}
	}
	t.Cleanup(w.Web.CloseIdleConnections)
	return w
}

// Remotely is a configuration with the API over HTTPS.
func Remotely(c *config.Config) { c.API.Addr = "127.0.0.1:0" }
