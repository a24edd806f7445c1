// Package client calls the operations of the API: over the control socket of a
// running server, over HTTPS, or within this process when no server runs. The
// command line is built on it.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
)

// Client calls one API.
type Client struct {
	do func(*http.Request) (*http.Response, error)
}

// Dial finds the server behind a control socket. errors.Is(err,
// fs.ErrNotExist) when none runs there.
func Dial(socket string) (*Client, error) {
	c, err := net.Dial("unix", socket)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%s is left over from a server that has ended: %w", socket, fs.ErrNotExist)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("only the server's user may use %s; run this as that user: sudo -u USER tandem …: %w", socket, err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the control socket: %w; data must be the server's folder, and this user the server's", err)
	}
	c.Close()
	h := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	return &Client{do: h.Do}, nil
}

// Local calls a handler of this process, without a socket.
func Local(h http.Handler) *Client {
	return &Client{do: func(r *http.Request) (*http.Response, error) {
		w := &answer{header: http.Header{}, code: http.StatusOK}
		h.ServeHTTP(w, r)
		return &http.Response{StatusCode: w.code, Status: http.StatusText(w.code), Header: w.header, Body: io.NopCloser(&w.body)}, nil
	}}
}

// answer is the response writer of a local call.
type answer struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(code int)        { a.code = code }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// Path joins the parts of a path below operation.Base, each escaped.
func Path(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

// Call makes one call. path is below operation.Base and may have a query. in is
// sent as JSON (an io.Reader as it is, nil: no body); the answer is decoded into
// out unless that is nil. The error of an answer that is no success is a
// *problem.Problem.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	body, err := c.open(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		return nil
	}
	return json.NewDecoder(body).Decode(out)
}

// Get calls an operation that only looks.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.Call(ctx, http.MethodGet, path, nil, out)
}

// Copy writes what an operation answers to w as it comes.
func (c *Client) Copy(ctx context.Context, path string, w io.Writer) error {
	body, err := c.open(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(w, body)
	return err
}

// All reads a list, page by page.
func All[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	list := []T{}
	for v, err := range Each[T](ctx, c, path, query) {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// Each yields a list, of which it holds one page at a time. An error is the last
// element.
func Each[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	q := url.Values{}
	for k, v := range query {
		if len(v) > 0 && v[0] != "" {
			q[k] = v
		}
	}
	q.Set("limit", strconv.Itoa(1000))
	return func(yield func(T, error) bool) {
		q := maps.Clone(q)
		for {
			var page operation.Page[T]
			if err := c.Get(ctx, path+"?"+q.Encode(), &page); err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range page.Items {
				if !yield(v, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.Set("cursor", page.Next)
		}
	}
}

// open makes a call and returns the body of its answer.
func (c *Client) open(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	var body io.Reader
	kind := "application/json"
	switch v := in.(type) {
	case nil:
	case io.Reader:
		body, kind = v, "text/csv"
	default:
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://tandem"+operation.Base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", kind)
	}
	resp, err := c.do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 300 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	return nil, failure(resp)
}

func failure(resp *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	p := new(problem.Problem)
	if json.Unmarshal(b, p) != nil || p.Code == "" {
		return problem.New(resp.StatusCode, "unknown", strings.TrimSpace(fmt.Sprintf("%s %s", resp.Status, b)))
	}
	return p
}
