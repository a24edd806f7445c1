package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// dialWS opens a WebSocket that offers "sip".
func dialWS(t testing.TB, url string, ca *authority) *websocket.Conn {
	t.Helper()
	c, _, err := tryWS(t, url, ca, &websocket.DialOptions{Subprotocols: []string{"sip"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tryWS(t testing.TB, url string, ca *authority, o *websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tp := &http.Transport{}
	if ca != nil {
		tp.TLSClientConfig = &tls.Config{RootCAs: ca.pool, ServerName: "sip.example.com"}
	}
	t.Cleanup(tp.CloseIdleConnections)
	o.HTTPClient = &http.Client{Transport: tp}
	c, resp, err := websocket.Dial(ctx, url, o)
	if err == nil {
		c.SetReadLimit(1 << 20)
		t.Cleanup(func() { c.CloseNow() })
	}
	return c, resp, err
}

func sendWS(t testing.TB, c *websocket.Conn, typ websocket.MessageType, b []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := c.Write(ctx, typ, b); err != nil {
		t.Fatal(err)
	}
}

func readWS(t testing.TB, c *websocket.Conn) (websocket.MessageType, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	typ, b, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return typ, b
}

func TestWebSocketEcho(t *testing.T) {
	ca := newAuthority(t)
	for _, tc := range []struct {
		proto  Proto
		addr   string
		scheme string
	}{{WS, "127.0.0.1:0", "ws"}, {WS, "[::1]:0", "ws"}, {WSS, "127.0.0.1:0", "wss"}} {
		t.Run(tc.scheme+" "+tc.addr, func(t *testing.T) {
			e := &echo{}
			l := Listen{Proto: tc.proto, Addr: netip.MustParseAddrPort(tc.addr)}
			if tc.proto == WSS {
				l.TLS = ca.server(t)
			}
			tr := start(t, Config{Handler: e, Listen: []Listen{l}})
			c := dialWS(t, tc.scheme+"://"+tr.Listeners()[0].Addr().String()+"/ws", ca)
			if c.Subprotocol() != "sip" {
				t.Errorf("subprotocol %q", c.Subprotocol())
			}
			for i, typ := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
				body := fmt.Sprint("hello ", i)
				sendWS(t, c, typ, request("WS", "x", body))
				got, b := readWS(t, c)
				if !bytes.HasPrefix(b, []byte("SIP/2.0 200")) || !bytes.HasSuffix(b, []byte(body)) || got != websocket.MessageText {
					t.Errorf("%v %s", got, b)
				}
			}
			sendWS(t, c, websocket.MessageText, request("WS", "x", "not UTF-8 \xff\xfe"))
			if typ, b := readWS(t, c); typ != websocket.MessageBinary || !bytes.HasSuffix(b, []byte("\xff\xfe")) {
				t.Errorf("%v %q", typ, b)
			}
			// One message a frame: no Content-Length is needed.
			bare := bytes.Replace(request("WS", "x", "bare"), []byte("Content-Length: 4\r\n"), nil, 1)
			sendWS(t, c, websocket.MessageText, bare)
			if _, b := readWS(t, c); !bytes.HasSuffix(b, []byte("\r\n\r\nbare")) {
				t.Errorf("%s", b)
			}
			f := e.lastFlow()
			if f.Proto() != tc.proto || (f.TLS() != nil) != (tc.proto == WSS) {
				t.Errorf("flow %v, TLS %v", f, f.TLS())
			}
			long := strings.Repeat("z", 50000)
			tr.Send(f, request("WS", "y", long), nil)
			if _, b := readWS(t, c); !bytes.HasSuffix(b, []byte(long)) {
				t.Errorf("a long message arrived as %d octets", len(b))
			}
			c.Close(websocket.StatusNormalClosure, "")
			eventually(t, "FlowClosed", func() bool { return len(e.closedFlows()) == 1 && !f.Alive() })
		})
	}
}

func TestWebSocketOrder(t *testing.T) {
	const n = 500
	e := &echo{}
	tr := start(t, Config{Handler: e, Listen: []Listen{{Proto: WS}}})
	c := dialWS(t, "ws://"+tr.Listeners()[0].Addr().String(), nil)
	go func() {
		for i := range n {
			c.Write(context.Background(), websocket.MessageText, request("WS", "x", fmt.Sprint(i)))
		}
	}()
	for i := range n {
		if _, b := readWS(t, c); !bytes.HasSuffix(b, []byte("\r\n\r\n"+fmt.Sprint(i))) {
			t.Fatalf("answer %d: %s", i, b)
		}
	}
}

func TestWebSocketKeepAlive(t *testing.T) {
	synctest.Test(t, webSocketKeepAlive)
}

func webSocketKeepAlive(t *testing.T) {
	const limit = 10 * time.Minute
	tr, err := New(Config{Handler: &echo{}, IdleTimeout: limit})
	if err != nil {
		t.Fatal(err)
	}
	dial := func(context.Context, string, string) (net.Conn, error) { return accepted(t, tr, WS), nil }
	ctx := context.Background()
	c, _, err := websocket.Dial(ctx, "ws://in.memory", &websocket.DialOptions{Subprotocols: []string{"sip"},
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: dial}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	got := make(chan []byte, 100)
	go func() {
		for {
			_, b, err := c.Read(ctx)
			if err != nil {
				close(got)
				return
			}
			got <- b
		}
	}()
	for range 6 { // longer than the silence allowed
		time.Sleep(limit / 2)
		if err := c.Ping(ctx); err != nil {
			t.Fatal(err)
		}
	}
	c.Write(ctx, websocket.MessageText, []byte("\r\n\r\n"))
	if b := <-got; string(b) != "\r\n" {
		t.Errorf("CRLF CRLF got %q", b)
	}
	c.Write(ctx, websocket.MessageText, request("WS", "x", "still here"))
	if b := <-got; !bytes.HasSuffix(b, []byte("still here")) {
		t.Errorf("got %q", b)
	}
	if n := tr.Stats().KeepAlives[WS]; n != 7 {
		t.Errorf("counted %d keep-alives", n)
	}
	begun := time.Now()
	select {
	case _, open := <-got: // then silence
		if d := time.Since(begun); open || d < limit || d > 2*limit {
			t.Errorf("after %v: something else arrived: %t", d, open)
		}
	case <-time.After(time.Hour):
		t.Error("the silent connection stays open")
	}
	tr.work.Wait()
}

func TestWebSocketRefusals(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, Listen: []Listen{
		{Proto: WS}, {Proto: WS, Origins: []string{"app.example.com"}}, {Proto: WS, Origins: []string{"*"}},
	}})
	same := tr.Listeners()[0].Addr().String()
	for _, tc := range []struct {
		name     string
		listener int
		protos   []string
		origin   string
		want     int
	}{
		{"no subprotocol", 0, nil, "", 400},
		{"another subprotocol", 0, []string{"chat"}, "", 400},
		{"sip among others", 0, []string{"chat", "sip"}, "", 101},
		{"same host", 0, []string{"sip"}, "http://" + same, 101},
		{"other host", 0, []string{"sip"}, "https://evil.example", 403},
		{"not an origin", 0, []string{"sip"}, "null", 403},
		{"listed", 1, []string{"sip"}, "https://APP.example.com:8443", 101},
		{"not listed", 1, []string{"sip"}, "https://evil.example", 403},
		{"like a listed one", 1, []string{"sip"}, "https://app.example.com.evil.example", 403},
		{"any", 2, []string{"sip"}, "https://evil.example", 101},
	} {
		o := &websocket.DialOptions{Subprotocols: tc.protos, HTTPHeader: http.Header{}}
		if tc.origin != "" {
			o.HTTPHeader.Set("Origin", tc.origin)
		}
		_, resp, err := tryWS(t, "ws://"+tr.Listeners()[tc.listener].Addr().String()+"/", nil, o)
		if resp == nil || resp.StatusCode != tc.want {
			t.Errorf("%s: %v %v, want %d", tc.name, resp, err, tc.want)
		}
	}
	for _, raw := range []string{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "rubbish\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("y", 2*maxUpgrade) + "\r\n\r\n"} {
		c := dialTCP(t, tr.Listeners()[0].Addr())
		c.write([]byte(raw))
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		b, err := io.ReadAll(c)
		if ne, ok := err.(net.Error); ok && ne.Timeout() || len(raw) < 1000 && !bytes.HasPrefix(b, []byte("HTTP/1.1 400 ")) {
			t.Errorf("%.40q: %q %v", raw, b, err)
		}
	}
	eventually(t, "refused connections are gone", func() bool { return tr.Stats().Conns == 4 })
}

func TestWebSocketTooLong(t *testing.T) {
	e := &echo{}
	tr := start(t, Config{Handler: e, MaxMessage: 2000, Listen: []Listen{{Proto: WS}}})
	c := dialWS(t, "ws://"+tr.Listeners()[0].Addr().String(), nil)
	sendWS(t, c, websocket.MessageText, request("WS", "x", strings.Repeat("y", 5000)))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, _, err := c.Read(ctx)
	if websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("got %v", err)
	}
	eventually(t, "FlowClosed", func() bool { return len(e.closedFlows()) == 1 })
}

// Peers that connect and send nothing delay nobody, and only stay for a while.
func TestSilentPeers(t *testing.T) {
	ca := newAuthority(t)
	for _, tc := range []struct {
		proto  Proto
		scheme string
	}{{WS, "ws"}, {WSS, "wss"}, {TLS, ""}} {
		t.Run(tc.proto.String(), func(t *testing.T) {
			t.Parallel()
			l := Listen{Proto: tc.proto}
			if tc.proto.Secure() {
				l.TLS = ca.server(t)
			}
			tr := start(t, Config{Handler: &echo{}, HandshakeLimit: 8 * time.Second, Listen: []Listen{l}})
			to := tr.Listeners()[0].Addr()
			silent := dialTCP(t, to)
			began := time.Now()
			var wg sync.WaitGroup
			few := make(chan struct{}, 8) // on a busy machine a hundred at a time would come near the limit
			for range 100 {
				few <- struct{}{}
				wg.Go(func() {
					defer func() { <-few }()
					if tc.scheme == "" {
						c, _ := dialTLS(t, to, &tls.Config{RootCAs: ca.pool, ServerName: "sip.example.com"})
						c.write(request("TLS", "x", ""))
						c.expect(200, "")
						return
					}
					c := dialWS(t, tc.scheme+"://"+to.String(), ca)
					sendWS(t, c, websocket.MessageText, request("WS", "x", ""))
					readWS(t, c)
				})
			}
			wg.Wait()
			t.Logf("100 real clients beside a silent one: %v", time.Since(began))
			silent.expectEnd()
			eventually(t, "the silent peer is not counted", func() bool { return tr.Stats().Conns <= 100 })
		})
	}
}
