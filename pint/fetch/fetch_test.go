package fetch

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestCheck(t *testing.T) {
	f := New(Config{Hosts: []string{"files.example.com", "*.cdn.example.com"}})
	for uri, ok := range map[string]bool{
		"https://files.example.com/a.wav": true, "http://FILES.example.com:8080/a": true, "https://x.cdn.example.com/": true, "https://files.example.com./a": true,
		"https://cdn.example.com/": false, "https://evilcdn.example.com/": false, "https://example.com/": false, "https://files.example.com.evil.test/": false,
		"file:///etc/passwd": false, "ftp://files.example.com/": false, "gopher://files.example.com/": false, "//files.example.com/": false, "https:///a": false,
		"https://files.example.com@evil.test/": false, "https://evil.test#files.example.com": false, "https://me:pw@files.example.com/": false,
		"http://127.0.0.1/": false, "http://2130706433/": false, "http://0x7f.1/": false, "http://[::1]/": false, "http://localhost/": false,
		"http://files.example.com\t/": false, "": false, "https://files.example.com/" + strings.Repeat("a", 3000): false,
	} {
		if err := f.Check(uri); (err == nil) != ok || err != nil && !errors.Is(err, ErrForbidden) {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

func TestPublic(t *testing.T) {
	for text, ok := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false,
		"224.0.0.1": false, "255.255.255.255": false, "198.18.0.1": false, "::1": false, "::": false, "fe80::1": false, "fc00::1": false, "ff02::1": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "::7f00:1": false, "::ffff:127.0.0.1": false,
	} {
		if got := public(netip.MustParseAddr(text).Unmap()); got != ok {
			t.Errorf("%s: %t", text, got)
		}
	}
}

// rebinding is a name server that gives a public address first and this machine from
// then on.
func rebinding(t *testing.T, answers ...string) *net.Resolver {
	t.Helper()
	var n atomic.Int32
	ready := make(chan struct{})
	s := &dns.Server{Addr: "127.0.0.1:0", Net: "udp", NotifyStartedFunc: func() { close(ready) }}
	s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			i := min(int(n.Add(1))-1, len(answers)-1)
			rr, _ := dns.NewRR(q.Question[0].Name + " 0 IN A " + answers[i])
			m.Answer = append(m.Answer, rr)
		}
		_ = w.WriteMsg(m) // it is asked again
	})
	ended := make(chan error, 1)
	go func() { ended <- s.ListenAndServe() }()
	<-ready
	t.Cleanup(func() { _ = s.Shutdown(); <-ended })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.PacketConn.LocalAddr().String())
	}}
}

// A name that was a public address when it was looked at, and is this machine when it
// is connected to, reaches nothing.
func TestRebinding(t *testing.T) {
	asked := false
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer web.Close()
	u, _ := url.Parse(web.URL)
	resolver := rebinding(t, "203.0.113.1", "127.0.0.1")
	if got, err := resolver.LookupHost(t.Context(), "files.example.com"); err != nil || got[0] != "203.0.113.1" {
		t.Fatal(got, err)
	}
	f := New(Config{Hosts: []string{"files.example.com"}, Resolver: resolver})
	if _, _, err := f.Get(t.Context(), "http://files.example.com:"+u.Port()+"/"); !errors.Is(err, ErrForbidden) || asked {
		t.Errorf("%v, asked %t", err, asked)
	}
	f = New(Config{Hosts: []string{"files.example.com"}, Resolver: resolver, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if _, _, err := f.Get(t.Context(), "http://files.example.com:"+u.Port()+"/"); err != nil || !asked {
		t.Errorf("though its network is allowed: %v", err)
	}
}

func TestGet(t *testing.T) {
	mux := http.NewServeMux()
	web := httptest.NewServer(mux)
	defer web.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("secret")) }))
	defer other.Close()
	mux.HandleFunc("/text", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("hello"))
	})
	mux.HandleFunc("/here", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/text", http.StatusFound) })
	mux.HandleFunc("/there", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
	})
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2000)) })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	with := func(limit time.Duration) *Fetcher {
		return New(Config{Hosts: []string{"127.0.0.1"}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Octets: 1000, Time: limit})
	}
	for path, want := range map[string]string{"/text": "hello", "/here": "hello", "/there": "", "/file": "", "/round": "", "/large": "", "/slow": "", "/none": ""} {
		f := with(time.Minute)
		if path == "/slow" {
			f = with(300 * time.Millisecond)
		}
		media, body, err := f.Get(t.Context(), web.URL+path)
		if string(body) != want || (err == nil) != (want != "") || want != "" && media != "text/plain" {
			t.Errorf("%s: %s, %q, %v", path, media, body, err)
		}
	}
}
