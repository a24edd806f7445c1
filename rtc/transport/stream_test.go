package transport

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"tandem/rtc/sip"
)

// recorder remembers what a stream delivered.
type recorder struct{ got []string }

func (r *recorder) Message(_ Sink, _ Flow, m *sip.Message, err *sip.Error) {
	s := string(m.Bytes())
	if err != nil { // how much of a stream beyond repair was seen depends on how it came
		s = fmt.Sprint(err.Code)
	}
	r.got = append(r.got, s)
}
func (r *recorder) FlowClosed(Flow) {}

// sinkhole is a connection that takes everything and says nothing.
type sinkhole struct{ n int }

func (s *sinkhole) Write(b []byte) (int, error)      { s.n += len(b); return len(b), nil }
func (s *sinkhole) Read([]byte) (int, error)         { return 0, io.EOF }
func (s *sinkhole) Close() error                     { return nil }
func (s *sinkhole) LocalAddr() net.Addr              { return nil }
func (s *sinkhole) RemoteAddr() net.Addr             { return nil }
func (s *sinkhole) SetDeadline(time.Time) error      { return nil }
func (s *sinkhole) SetReadDeadline(time.Time) error  { return nil }
func (s *sinkhole) SetWriteDeadline(time.Time) error { return nil }

// chunks gives out at most n octets at a time.
type chunks struct {
	b []byte
	n int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.n)], c.b)
	c.b = c.b[n:]
	return n, nil
}

// feed runs a stream over b as it would arrive in pieces of n octets.
func feed(t testing.TB, b []byte, n int) (got []string, keepAlives uint64) {
	r := &recorder{}
	tr, err := New(Config{Handler: r, MaxMessage: 3000})
	if err != nil {
		t.Fatal(err)
	}
	c := &conn{t: tr, l: &Listener{t: tr, proto: TCP}, proto: TCP, remote: netip.MustParseAddrPort("192.0.2.1:5060"), exempt: true}
	c.link = newLink(tr, &sinkhole{})
	c.state.Store(connOpen)
	tr.conns.total++
	tr.conns.add(c)
	(&stream{c: c, src: &chunks{b, n}}).serve()
	tr.work.Wait()
	if tr.Stats().Panics > 0 || tr.conns.len() != 0 {
		t.Errorf("%d panics, %d connections left", tr.Stats().Panics, tr.conns.len())
	}
	return r.got, tr.Stats().KeepAlives[TCP]
}

func compareFeeds(t *testing.T, b []byte) {
	t.Helper()
	want, pings := feed(t, bytes.Clone(b), 1<<20)
	for _, n := range []int{1, 7, 1000} {
		got, k := feed(t, bytes.Clone(b), n)
		if fmt.Sprint(got) != fmt.Sprint(want) || k != pings {
			t.Fatalf("in pieces of %d: %d messages, %d keep-alives\n%q\nat once: %d, %d\n%q", n, len(got), k, got, len(want), pings, want)
		}
	}
}

func TestStreamInPieces(t *testing.T) {
	one := request("TCP", "x", "one")
	for name, tc := range map[string]struct {
		b     []byte
		count int
	}{
		"nothing":               {nil, 0},
		"messages and pings":    {bytes.Join([][]byte{one, one, ping, one, pong, one, []byte("\n\r\n\r\n\r\n"), one}, nil), 5},
		"a long one":            {bytes.Join([][]byte{one, request("TCP", "y", string(bytes.Repeat([]byte("z"), 2500))), one}, nil), 3},
		"beyond the limit":      {bytes.Join([][]byte{one, request("TCP", "y", string(bytes.Repeat([]byte("z"), 3500))), one}, nil), 2},
		"cannot be framed":      {append(one[:len(one):len(one)], bytes.Replace(one, []byte("Content-Length: 3"), []byte("Content-Length: x"), 1)...), 2},
		"ends in the middle":    {append(one[:len(one):len(one)], one[:50]...), 1},
		"only half a keepalive": {[]byte("\r"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			compareFeeds(t, tc.b)
			if got, _ := feed(t, tc.b, 1<<20); len(got) != tc.count {
				t.Errorf("%d messages, want %d: %q", len(got), tc.count, got)
			}
		})
	}
}

// What a stream delivers does not depend on how it was cut on its way.
func FuzzStream(f *testing.F) {
	one := request("TCP", "x", "one")
	f.Add([]byte("\r\n\r\n"))
	f.Add(append(one, one...))
	f.Add(append(append([]byte("\r\n\r\n\r\n"), one...), "\r\n\r\nl:0"...))
	f.Fuzz(func(t *testing.T, b []byte) { compareFeeds(t, b) })
}

func FuzzDatagram(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"), true)
	f.Add([]byte("jaK\x00"), false)
	f.Add([]byte("OPTIONS sip:a@b SIP/2.0\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, b []byte, v6 bool) {
		from := netip.MustParseAddrPort("192.0.2.1:5060")
		if v6 {
			from = netip.MustParseAddrPort("[2001:db8::1]:5060")
		}
		if isSTUN(b) {
			answer := appendSTUN(nil, b, from)
			if len(answer) > 0 && (!isSTUN(answer) || len(appendSTUN(nil, answer, from)) > 0) {
				t.Errorf("answer %x is not a STUN response", answer)
			}
		}
		if len(b) > 5 && b[0] >= 'A' && (isKeepAlive(b) || isSTUN(b)) {
			t.Errorf("%q is taken for a keep-alive", b)
		}
	})
}
