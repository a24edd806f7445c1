package auth

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/sip"
)

const password = "correct-horse"

// begin is when tests begin.
var begin = time.Unix(1_800_000_000, 0)

// fixture is a gate with the users alice (alias +4930123), bob and 100 of
// example.com and dora of second.example, all with the same password.
type fixture struct {
	*Gate
	t     testing.TB
	users *directory.Directory
	now   time.Time
	from  string // source of what is sent
	last  *sip.Message
}

func newFixture(t testing.TB, change func(*Config)) *fixture {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	d := directory.New(directory.NewMemory(), []string{"example.com", "second.example"}, log)
	for _, aor := range []rtc.AOR{"sip:alice@example.com", "sip:bob@example.com", "sip:100@example.com", "sip:dora@second.example"} {
		add := directory.AddUser{AOR: aor, Password: password}
		if aor.User() == "alice" {
			add.Aliases = []rtc.AOR{"tel:+4930123"}
		}
		if _, err := d.Add(context.Background(), add); err != nil {
			t.Fatal(err)
		}
	}
	cfg := Config{Users: d, Domains: d.Domains(), Log: log}
	if change != nil {
		change(&cfg)
	}
	return &fixture{Gate: New(cfg), t: t, users: d, now: begin, from: "192.0.2.1:5060"}
}

// request is a request to be written down.
type request struct {
	method, uri, from, to, callID string
	cseq                          int
	lines                         []string
	body                          string
}

func register(user string) request {
	return request{method: "REGISTER", uri: "sip:example.com", from: "sip:" + user + "@example.com;tag=1",
		to: "sip:" + user + "@example.com", callID: "c1", cseq: 1}
}

func message(from, to string) request {
	return request{method: "MESSAGE", uri: to, from: from + ";tag=1", to: to, callID: "c2", cseq: 1, body: "Hello"}
}

func (r request) with(lines ...string) request {
	r.lines = append(r.lines[:len(r.lines):len(r.lines)], lines...)
	return r
}

func (r request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK%d;rport\r\n", r.method, r.uri, r.cseq)
	fmt.Fprintf(&b, "Max-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", addr(r.from), addr(r.to), r.callID, r.cseq, r.method)
	b.WriteString("Contact: <sip:x@192.0.2.1:5060>\r\n")
	for _, line := range r.lines {
		b.WriteString(line + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(r.body), r.body)
	return b.String()
}

func addr(s string) string {
	uri, params, _ := strings.Cut(s, ";")
	if params != "" {
		params = ";" + params
	}
	return "<" + uri + ">" + params
}

// send gives a request to the gate.
func (f *fixture) send(r request) verdict {
	f.t.Helper()
	f.last = new(sip.Message)
	if err := f.last.Parse([]byte(r.String())); err != nil {
		f.t.Fatalf("%v\n%s", err, r)
	}
	f.last.Source = netip.MustParseAddrPort(f.from)
	return f.decide(f.last, sender{}, f.now, f.newWork())
}

// challenge is what the gate sends out for a verdict, by algorithm, read by an
// independent implementation.
func (f *fixture) challenge(v verdict) map[string]*digest.Challenge {
	f.t.Helper()
	if v.act != actAsk {
		f.t.Fatalf("not challenged: %+v", v)
	}
	lines := f.appendChallenge(nil, v.realm, v.proxy, v.stale, place(netip.MustParseAddrPort(f.from).Addr()), f.now)
	all := map[string]*digest.Challenge{}
	for _, line := range strings.Split(strings.TrimSuffix(string(lines), "\r\n"), "\r\n") {
		name, value, _ := strings.Cut(line, ": ")
		if want := map[bool]string{true: "Proxy-Authenticate", false: "WWW-Authenticate"}[v.proxy]; name != want {
			f.t.Fatalf("challenge in %s, want %s", name, want)
		}
		c, err := digest.ParseChallenge(value)
		if err != nil {
			f.t.Fatalf("%s: %v", line, err)
		}
		if c.Stale != v.stale {
			f.t.Errorf("stale=%v in %s", c.Stale, line)
		}
		all[c.Algorithm] = c
	}
	return all
}

// answer writes the header line that answers a challenge, by an independent
// implementation. edit may change what the client thinks before it computes.
func (f *fixture) answer(r request, c *digest.Challenge, user, password string, edit func(*digest.Challenge, *digest.Options)) string {
	f.t.Helper()
	c2 := *c
	o := digest.Options{Method: r.method, URI: r.uri, Username: user, Password: password, Count: 1,
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(r.body)), nil }}
	if edit != nil {
		edit(&c2, &o)
	}
	cred, err := digest.Digest(&c2, o)
	if err != nil {
		f.t.Fatal(err)
	}
	return "Authorization: " + cred.String()
}

// login has the gate challenge r and answers in the MD5 way.
func (f *fixture) login(r request, user, password string) (request, verdict) {
	f.t.Helper()
	c := f.challenge(f.send(r))["MD5"]
	r.cseq++
	r = r.with(f.answer(r, c, user, password, nil))
	return r, f.send(r)
}

func (f *fixture) wantIdentity(v verdict, aor rtc.AOR) {
	f.t.Helper()
	if v.act != actPass || v.identity == nil || v.identity.AOR != aor || v.identity.Method != rtc.AuthDigest {
		f.t.Errorf("verdict %+v, want identity %s", v, aor)
	}
}

func (f *fixture) wantRefused(v verdict, code int, reason string) {
	f.t.Helper()
	if v.act != actRefuse || v.code != code || v.reason != reason {
		f.t.Errorf("verdict %+v, want %d %s", v, code, reason)
	}
}

func (f *fixture) wantAsked(v verdict, stale bool) {
	f.t.Helper()
	if v.act != actAsk || v.stale != stale {
		f.t.Errorf("verdict %+v, want a challenge with stale=%v", v, stale)
	}
}
