package ng

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"tandem/media"
	"tandem/media/relay"
)

func TestBencode(t *testing.T) {
	d := Dict{"result": "ok", "n": int64(-5), "list": []any{"a", int64(7), []any{}}, "in": Dict{"": ""}, "sdp": "v=0\r\n"}
	text := encode(nil, d)
	if want := "d2:ind0:0:e4:listl1:ai7elee1:ni-5e6:result2:ok3:sdp5:v=0\r\ne"; string(text) != want {
		t.Errorf("written %q, want %q", text, want)
	}
	back, err := decode(text)
	if err != nil || !reflect.DeepEqual(back, d) {
		t.Errorf("read back %v, %v", back, err)
	}
}

func TestBrokenBencode(t *testing.T) {
	for _, text := range []string{
		"", "d", "de x", "i5e", "5:abc", "d1:ae", "d1:a", "d1:ai5", "di1ei2ee", "d1:a-1:xe", "d1:a99999999999:xe", "d1:ai99999999999999999999ee",
		"d1:a" + strings.Repeat("l", 30) + strings.Repeat("e", 30) + "e",
	} {
		if d, err := decode([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, d)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("d7:command5:offer3:sdp3:v=05:flagsl1:ai7eee"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(encode(nil, d))
		if err != nil || !reflect.DeepEqual(d, again) {
			t.Errorf("%v became %v, %v", d, again, err)
		}
	})
}

// serve runs a media server with a control port and returns a client of it.
func serve(t testing.TB) (*Client, *media.Server) {
	t.Helper()
	return serveIdle(t, time.Minute)
}

// serveIdle ends calls that carry nothing for so long.
func serveIdle(t testing.TB, idle time.Duration) (*Client, *media.Server) {
	t.Helper()
	low := 30000 + 200*rand.IntN(10)
	m, err := media.New(media.Config{PortMin: low, PortMax: low + 99, Kernel: "off", Idle: idle, Interfaces: []relay.Interface{
		{Name: "inside", Bind: netip.MustParseAddr("127.0.0.1")}, {Name: "outside", Bind: netip.MustParseAddr("127.0.0.2")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Listen("127.0.0.1:0", m, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- m.Run(ctx) }()
	go func() { done <- s.Run(ctx) }()
	c, err := Dial(s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		stop()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return c, m
}

func ask(t *testing.T, c *Client, r Dict) Dict {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	d, err := c.Do(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const sdpA = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 8\r\n"
const sdpB = "v=0\r\no=b 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 7000 RTP/AVP 0\r\n"

func TestCall(t *testing.T) {
	c, m := serve(t)
	if r := ask(t, c, Dict{"command": "ping"}); r.String("result") != "pong" {
		t.Errorf("ping: %v", r)
	}
	offer := ask(t, c, Dict{"command": "offer", "call-id": "x", "from-tag": "a", "sdp": sdpA, "direction": []string{"inside", "outside"}, "flags": []string{"trust-address"}})
	if s := offer.String("sdp"); !strings.Contains(s, "c=IN IP4 127.0.0.2") || !strings.Contains(s, "RTP/AVP 0 8") {
		t.Errorf("offered:\n%s", s)
	}
	answer := ask(t, c, Dict{"command": "answer", "call-id": "x", "from-tag": "a", "to-tag": "b", "sdp": sdpB})
	if s := answer.String("sdp"); !strings.Contains(s, "c=IN IP4 127.0.0.1") || !strings.Contains(s, "RTP/AVP 0") {
		t.Errorf("answered:\n%s", s)
	}
	// The callee offers anew: the tags change places.
	again := ask(t, c, Dict{"command": "offer", "call-id": "x", "from-tag": "b", "to-tag": "a", "sdp": strings.Replace(sdpB, "b 1 1", "b 1 2", 1) + "a=sendonly\r\n"})
	if s := again.String("sdp"); !strings.Contains(s, "a=sendonly") || !strings.Contains(s, "c=IN IP4 127.0.0.1") {
		t.Errorf("offered to the caller:\n%s", s)
	}
	ask(t, c, Dict{"command": "answer", "call-id": "x", "from-tag": "b", "to-tag": "a", "sdp": strings.Replace(sdpA, "a 1 1", "a 1 2", 1) + "a=recvonly\r\n"})
	q := ask(t, c, Dict{"command": "query", "call-id": "x"})
	if tags := q.Dict("tags"); len(tags) != 2 || q.Dict("totals").Dict("RTP") == nil {
		t.Errorf("query: %v", q)
	}
	if l := ask(t, c, Dict{"command": "list"}).List("calls"); !reflect.DeepEqual(l, []string{"x"}) {
		t.Errorf("list: %v", l)
	}
	ask(t, c, Dict{"command": "delete", "call-id": "x", "from-tag": "a"})
	if n := len(m.Sessions()); n != 0 {
		t.Errorf("%d sessions stay after delete", n)
	}
	if r := ask(t, c, Dict{"command": "delete", "call-id": "x", "from-tag": "a"}); r.String("warning") == "" {
		t.Errorf("deleting what is gone: %v", r)
	}
}

func TestRefusals(t *testing.T) {
	c, m := serve(t)
	for _, r := range []Dict{
		{"command": "dance"},
		{"command": "offer", "call-id": "x"},
		{"command": "offer", "call-id": "x", "from-tag": "a", "sdp": "nonsense"},
		{"command": "offer", "call-id": "x", "from-tag": "a", "sdp": sdpA, "direction": []string{"inside", "nowhere"}},
		{"command": "answer", "call-id": "y", "from-tag": "a", "sdp": sdpB},
		{"command": "query", "call-id": "y"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		if d, err := c.Do(ctx, r); err == nil {
			t.Errorf("%v was answered %v", r, d)
		}
		cancel()
	}
	if n := len(m.Sessions()); n != 0 {
		t.Errorf("%d sessions stay of offers that were refused", n)
	}
}

// A request that comes twice is answered twice and done once.
func TestRepeatedRequest(t *testing.T) {
	c, _ := serve(t)
	message := encode([]byte("cookie "), Dict{"command": "offer", "call-id": "x", "from-tag": "a", "sdp": sdpA})
	conn, err := net.Dial("udp", c.conn.RemoteAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var replies [2]string
	for i := range replies {
		if _, err := conn.Write(message); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4096)
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		replies[i] = string(b[:n])
	}
	if replies[0] != replies[1] || !strings.HasPrefix(replies[0], "cookie d") {
		t.Errorf("answers differ:\n%s\n%s", replies[0], replies[1])
	}
}

func TestWant(t *testing.T) {
	for _, c := range []struct {
		name string
		r    Dict
		want media.Want
	}{
		{"nothing", Dict{}, media.Want{}},
		{"a browser", Dict{"transport-protocol": "UDP/TLS/RTP/SAVPF", "ICE": "force", "rtcp-mux": []any{"offer"}}, media.Want{Security: media.SecurityDTLS, ICE: media.Yes, Mux: media.Yes}},
		{"a telephone", Dict{"transport-protocol": "RTP/AVP", "ICE": "remove", "rtcp-mux": []any{"demux"}}, media.Want{Security: media.SecurityNone, ICE: media.No, Mux: media.No}},
		{"one codec", Dict{"codec": Dict{"mask": []any{"all"}, "transcode": []any{"PCMU"}}}, media.Want{Codecs: []string{"PCMU"}}},
		{"one codec by flags", Dict{"flags": []any{"codec-mask-all", "codec-transcode-opus/48000/2"}}, media.Want{Codecs: []string{"opus"}}},
		{"one more", Dict{"codec": Dict{"transcode": []any{"PCMA"}}}, media.Want{Add: []string{"PCMA"}}},
		{"one less", Dict{"codec": Dict{"strip": []any{"G729"}}}, media.Want{Strip: []string{"G729"}}},
		{"no keys in SDP", Dict{"transport-protocol": "RTP/SAVPF", "SDES": []any{"off"}}, media.Want{Security: media.SecurityDTLS}},
		{"no DTLS", Dict{"transport-protocol": "UDP/TLS/RTP/SAVPF", "DTLS": "off"}, media.Want{Security: media.SecuritySDES}},
		{"keys beside plain RTP", Dict{"transport-protocol": "RTP/AVP", "OSRTP": []any{"offer"}}, media.Want{Security: media.SecurityOptional}},
		{"the same by a flag", Dict{"flags": []any{"OSRTP-offer-RFC"}}, media.Want{Security: media.SecurityOptional}},
		{"suites not to use", Dict{"SDES": []any{"no-AES_256_CM_HMAC_SHA1_80", "nonew"}, "flags": []any{"SDES-no-AEAD_AES_128_GCM"}}, media.Want{NoSuites: []string{"AES_256_CM_HMAC_SHA1_80", "AEAD_AES_128_GCM"}}},
		{"suites to use alone", Dict{"flags": []any{"SDES-only-AES_CM_128_HMAC_SHA1_80", "SDES-no-AES_CM_128_HMAC_SHA1_32"}}, media.Want{Suites: []string{"AES_CM_128_HMAC_SHA1_80"}}},
		{"profile among the flags", Dict{"flags": []any{"RTP/SAVP"}}, media.Want{Security: media.SecuritySDES}},
	} {
		if got := want(c.r); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
