package transport

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// All peers that do not read together cost a bounded amount of memory, not a queue
// each.
func TestManyPeersThatNeverRead(t *testing.T) {
	const total = 2 << 20
	e := &echo{}
	tr := start(t, Config{Handler: e, WriteTotal: total, WriteTimeout: time.Minute, Listen: []Listen{{Proto: TCP}}})
	msg := request("TCP", "y", strings.Repeat("z", 8000))
	var flows []Flow
	waiting := func(f Flow) int {
		k := f.conn.link
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.err != nil {
			return 0
		}
		return int(k.queued - k.sent)
	}
	for range 16 {
		c := dialTCP(t, tr.Listeners()[0].Addr())
		c.write(request("TCP", "x", ""))
		c.expect(200, "")
		f := e.lastFlow()
		flows = append(flows, f)
		for i := 0; i < 4000 && f.Alive() && waiting(f) < 900<<10; i++ {
			tr.Send(f, msg, nil)
		}
	}
	sum := 0
	for _, f := range flows {
		sum += waiting(f)
	}
	if limit := total + len(flows)*(largeFlush+2*len(msg)); sum > limit {
		t.Errorf("%d octets wait, limit %d", sum, limit)
	}
	// A peer that reads is still served.
	c := dialTCP(t, tr.Listeners()[0].Addr())
	c.write(request("TCP", "x", "still there"))
	c.expect(200, "still there")
	for _, f := range flows {
		f.conn.close(io.EOF)
	}
	eventually(t, "nothing is counted any more", func() bool { return tr.owed.Load() == 0 })
}

// Pings between the fragments of a message do not give it more time.
func TestPingsDoNotKeepAMessageOpen(t *testing.T) {
	tr := start(t, Config{Handler: &echo{}, HeaderTimeout: 300 * time.Millisecond, Listen: []Listen{{Proto: WS}}})
	c := dialWS(t, "ws://"+tr.Listeners()[0].Addr().String(), newAuthority(t))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c.CloseRead(ctx) // answers pongs
	w, err := c.Writer(ctx, websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		if _, err := w.Write([]byte("MESSAGE ")); err != nil {
			return
		}
		if err := c.Ping(ctx); err != nil {
			return // closed, as it should be
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Error("a message was kept open for two seconds, its limit is 0.3")
}

// A browser on a trusted machine acts for the pages it shows: no page is trusted unless
// it is named. Even a page with the name it connects to may belong to somebody who
// points that name here.
func TestNoPageIsTrustedUnnamed(t *testing.T) {
	all := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, tc := range []struct {
		name    string
		origins []string
		origin  string
		want    bool
	}{
		{"no browser", nil, "", true},
		{"same host by a name of his", nil, "http://evil.example", false},
		{"any", []string{"*"}, "http://evil.example", false},
		{"named", []string{"*", "app.example"}, "http://app.example", true},
	} {
		e := &echo{}
		tr := start(t, Config{Handler: e, Listen: []Listen{{Proto: WS, Trusted: all, Origins: tc.origins}}})
		o := &websocket.DialOptions{Subprotocols: []string{"sip"}, HTTPHeader: http.Header{}}
		if tc.origin != "" {
			o.Host = strings.TrimPrefix(tc.origin, "http://")
			o.HTTPHeader.Set("Origin", tc.origin)
		}
		c, _, err := tryWS(t, "ws://"+tr.Listeners()[0].Addr().String(), nil, o)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		sendWS(t, c, websocket.MessageText, request("WS", "x", ""))
		readWS(t, c)
		if got := e.lastFlow().Trusted(); got != tc.want {
			t.Errorf("%s: trusted %v", tc.name, got)
		}
	}
}
