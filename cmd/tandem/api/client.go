package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// Client calls a server, or a Core of this process.
type Client struct {
	do func(*http.Request) (*http.Response, error)
}

// Dial finds the server behind a control socket. errors.Is(err,
// fs.ErrNotExist) when none runs there.
func Dial(socket string) (*Client, error) {
	c, err := net.Dial("unix", socket)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%s: left by a server that is gone: %w", socket, fs.ErrNotExist)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%s is for the server's user alone; run this as that user: sudo -u USER tandem …: %w", socket, err)
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

// Local calls core without a socket.
func Local(core *Core) *Client {
	h := core.Handler()
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

// Call makes one call. in is sent as JSON (an io.Reader as it is, nil: no
// body); the answer is decoded into out unless that is nil.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	body, err := c.Open(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		return nil
	}
	return json.NewDecoder(body).Decode(out)
}

// Open makes a call whose answer is a stream.
func (c *Client) Open(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	var body io.Reader
	switch v := in.(type) {
	case nil:
	case io.Reader:
		body = v
	default:
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://tandem"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 300 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	var p Problem
	if json.Unmarshal(b, &p) != nil || p.Error == "" {
		p.Error = strings.TrimSpace(fmt.Sprintf("%s %s", resp.Status, b))
	}
	return nil, errors.New(p.Error)
}
