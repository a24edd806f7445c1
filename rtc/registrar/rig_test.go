package registrar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/location"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// book is a directory of a few users of example.com.
type book map[rtc.AOR]directory.User

func (b book) Domain(host []byte) bool { return sip.EqualFold(host, "example.com") }

func (b book) Resolve(aor rtc.AOR) (directory.User, bool) {
	u, ok := b[aor]
	return u, ok
}

func users() book {
	alice := directory.User{AOR: "sip:alice@example.com", Enabled: true}
	return book{
		"sip:alice@example.com":         alice,
		"sip:+4930123@example.com":      alice,
		"sip:ada@example.com":           {AOR: "sip:ada@example.com", Enabled: true},
		"sip:100@example.com":           {AOR: "sip:100@example.com", Enabled: true},
		"sip:disabled@example.com":      {AOR: "sip:disabled@example.com"},
		"sip:zero-%00-zero@example.com": {AOR: "sip:zero-%00-zero@example.com", Enabled: true},
	}
}

// rig is a registrar with everything around it but sockets.
type rig struct {
	t   testing.TB
	g   *Registrar
	loc *location.Location
	seq uint32
	src netip.AddrPort
	via transport.Flow // what the requests come by; zero is a connection that has ended
}

func newRig(t testing.TB, change func(*Config)) *rig {
	return rigOn(t, location.New(nil, nil), change)
}

func rigOn(t testing.TB, loc *location.Location, change func(*Config)) *rig {
	t.Helper()
	gruu, err := location.NewGRUU([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Location: loc, Users: users(), Jitter: -1, GRUU: gruu, Domain: "example.com",
		Local: func(host []byte, port uint16) bool { return string(host) == "192.0.2.10" }}
	if change != nil {
		change(&cfg)
	}
	return &rig{t: t, g: New(cfg), loc: loc, seq: 1, src: netip.MustParseAddrPort("192.0.2.4:5060")}
}

// line stands in for lane and responder.
type line struct{ answers chan []byte }

func (l *line) Respond(code int, b []byte) {
	if !strings.HasPrefix(string(b), fmt.Sprintf("SIP/2.0 %d ", code)) {
		panic("code and bytes differ")
	}
	l.answers <- append([]byte(nil), b...)
}

func (l *line) Soon(f func()) { f() }

// answer is a response or the refusal that would become one.
type answer struct {
	code    int
	reason  string
	header  string // all of it
	Contact []string
	next    bool // left to the next handler
}

// raw serves one message as it is.
func (r *rig) raw(text string) answer {
	r.t.Helper()
	m := new(sip.Message)
	b := []byte(text)
	if err := m.Parse(b); err != nil {
		r.t.Fatalf("parse: %v\n%s", err, text)
	}
	m.Source = r.src
	l := &line{answers: make(chan []byte, 1)}
	err := r.g.serve(m, &rtc.Identity{AOR: "sip:alice@example.com", Device: "desk"}, r.via, l, l)
	if err == nil {
		for i := range b { // the reader loop uses its buffer again
			b[i] = 'X'
		}
		select {
		case b := <-l.answers:
			return parseAnswer(r.t, b)
		case <-time.After(30 * time.Second):
			r.t.Fatal("no answer")
		}
	}
	if err == rtc.Next {
		return answer{next: true}
	}
	var st *rtc.Status
	if !errors.As(err, &st) {
		r.t.Fatalf("not a status: %v", err)
	}
	return answer{code: st.Code, reason: st.Reason, header: string(st.Header)}
}

func parseAnswer(t testing.TB, b []byte) answer {
	t.Helper()
	m := new(sip.Message)
	if err := m.Parse(b); err != nil {
		t.Fatalf("our answer does not parse: %v\n%s", err, b)
	}
	if err := m.Check(); err != nil {
		t.Fatalf("our answer is not valid: %v\n%s", err, b)
	}
	a := answer{code: m.StatusCode(), reason: string(m.ReasonPhrase()), header: string(b)}
	for c := range m.Values(sip.HdrContact) {
		a.Contact = append(a.Contact, string(c))
	}
	return a
}

// register builds a REGISTER for alice with further header lines and serves
// it. Lines that begin with a name given here replace the default line.
func (r *rig) register(lines ...string) answer {
	r.t.Helper()
	r.seq++
	head := []string{
		"Via: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK" + fmt.Sprint(r.seq),
		"From: <sip:alice@example.com>;tag=a1",
		"To: <sip:alice@example.com>",
		"Call-ID: one@192.0.2.4",
		fmt.Sprintf("CSeq: %d REGISTER", r.seq),
	}
	uri := "sip:example.com"
	var more []string
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ":")
		if name == "URI" {
			uri = strings.TrimSpace(value)
			continue
		}
		replaced := false
		for i, h := range head {
			if strings.HasPrefix(h, name+":") {
				head[i], replaced = l, true
			}
		}
		if !replaced {
			more = append(more, l)
		}
	}
	text := "REGISTER " + uri + " SIP/2.0\r\n" + strings.Join(append(head, more...), "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
	return r.raw(text)
}

func (r *rig) want(a answer, code int) answer {
	r.t.Helper()
	if a.code != code {
		r.t.Fatalf("got %d %s, want %d\n%s", a.code, a.reason, code, a.header)
	}
	return a
}

func (r *rig) contacts(a answer, want ...string) {
	r.t.Helper()
	r.want(a, 200)
	if strings.Join(a.Contact, "\n") != strings.Join(want, "\n") {
		r.t.Fatalf("contacts\n%s\nwant\n%s", strings.Join(a.Contact, "\n"), strings.Join(want, "\n"))
	}
}

func (r *rig) flow() transport.Flow { return r.via }

// udp is a flow that lives as long as the test.
func udp(t testing.TB) transport.Flow {
	t.Helper()
	tr, err := transport.New(transport.Config{Handler: transaction.New(transaction.Config{}), Log: slog.New(slog.DiscardHandler),
		Listen: []transport.Listen{{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { tr.Run(ctx) })
	t.Cleanup(func() { cancel(); run.Wait() })
	f, err := tr.Flow(transport.Target{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:9")})
	if err != nil {
		t.Fatal(err)
	}
	return f
}
