package ng

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/media"
	"tandem/media/relay"
)

func TestAnswersBounded(t *testing.T) {
	a := answers{texts: map[string]told{}}
	for i := range 3 * answersKept {
		a.keep(fmt.Sprint(i), []byte("x"))
	}
	if len(a.texts) != answersKept || len(a.order) != answersKept || a.size != answersKept {
		t.Errorf("%d replies of %d octets are kept, %d in order", len(a.texts), a.size, len(a.order))
	}
	if a.find(fmt.Sprint(3*answersKept-1)) == nil || a.find("0") != nil {
		t.Error("not the newest are kept")
	}
	for i := range answersKept {
		a.keep(fmt.Sprint("large", i), make([]byte, maxReply))
	}
	if a.size > answersSize || a.size < answersSize-maxReply {
		t.Errorf("%d octets are kept", a.size)
	}
}

func TestAnswerForgotten(t *testing.T) {
	a := answers{texts: map[string]told{"k": {[]byte("old"), time.Now().Add(-answersAge)}}, order: []string{"k"}, size: 3}
	if a.find("k") != nil {
		t.Error("a reply of long ago is given again")
	}
	a.keep("k", []byte("newer"))
	if string(a.find("k")) != "newer" || len(a.order) != 1 || a.size != 5 {
		t.Errorf("kept: %+v", a)
	}
}

// control is a server without its goroutines: calls can be made and ended.
func control(t testing.TB) *Server {
	t.Helper()
	m, err := media.New(media.Config{PortMin: 29000, PortMax: 29999, Kernel: "off", Sessions: 100, Interfaces: []relay.Interface{{Name: "default", Bind: netip.MustParseAddr("127.0.0.1")}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Listen("127.0.0.1:0", m, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.conn.Close() })
	return s
}

// Names are kept for as long as a call: how long they are is bounded, and a
// reply fits into a datagram.
func TestLongNames(t *testing.T) {
	s := control(t)
	if r := s.answer(Dict{"command": "offer", "call-id": strings.Repeat("x", maxName+1), "from-tag": "a", "sdp": sdpA}); r.String("result") != "error" {
		t.Errorf("a long Call-ID: %v", r)
	}
	for i := range 70 {
		r := s.answer(Dict{"command": "offer", "call-id": fmt.Sprint(i, strings.Repeat("x", maxName-2)), "from-tag": "a", "sdp": sdpA})
		if r.String("result") != "ok" {
			t.Fatalf("offer %d: %v", i, r)
		}
	}
	if b := s.handle(encode([]byte("c "), Dict{"command": "list", "limit": int64(1000)}), netip.MustParseAddrPort("127.0.0.1:9")); len(b) > maxReply || !bytes.Contains(b, []byte("6:result2:ok")) {
		t.Errorf("the list has %d octets", len(b))
	}
	for id := range s.calls {
		s.end(id)
	}
}

// FuzzRequest: whatever comes gets at most one reply that can be read, and
// nothing panics.
func FuzzRequest(f *testing.F) {
	s := control(f)
	for _, d := range []Dict{
		{"command": "ping"},
		{"command": "offer", "call-id": "x", "from-tag": "a", "sdp": sdpA, "direction": []string{"default", "default"}, "codec": Dict{"transcode": []string{"opus"}}, "ICE": "force", "transport-protocol": "RTP/SAVP", "received-from": []string{"IP4", "192.0.2.1"}},
		{"command": "answer", "call-id": "x", "from-tag": "a", "to-tag": "b", "sdp": sdpB, "flags": []string{"trust-address", "ICE=remove"}},
		{"command": "query", "call-id": "x"}, {"command": "list", "limit": int64(1)},
		{"command": "play DTMF", "call-id": "x", "from-tag": "a", "code": "5", "duration": "100"},
		{"command": "delete", "call-id": "x", "from-tag": "a"},
	} {
		f.Add(encode(nil, d))
	}
	from := netip.MustParseAddrPort("127.0.0.1:9")
	n := 0
	f.Fuzz(func(t *testing.T, b []byte) {
		n++
		reply := s.handle(append(fmt.Appendf(nil, "%d ", n), b...), from)
		_, text, ok := bytes.Cut(reply, []byte(" "))
		if d, err := decode(text); !ok || err != nil || d.String("result") == "" {
			t.Errorf("%q was answered %q: %v", b, reply, err)
		}
		if len(s.calls) > 90 {
			for id := range s.calls {
				s.end(id)
			}
		}
	})
}
