package registrar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/location/sqlstore"
	"tandem/rtc/sip"
	"tandem/rtc/store"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// slowStore holds every write until the test decides about it.
type slowStore struct {
	location.Memory // keeps promises

	mu     sync.Mutex
	queue  []func(error)
	refuse error
}

func (s *slowStore) PutBindings(_ rtc.AOR, _ int64, _ []location.Binding, done func(error)) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse == nil {
		s.queue = append(s.queue, done)
	}
	return 0, s.refuse
}

func (s *slowStore) LoadBindings(func(string) (transport.Flow, bool), func(rtc.AOR, int64, []location.Binding)) error {
	return nil
}

func (s *slowStore) end(err error) {
	s.mu.Lock()
	queue := s.queue
	s.queue = nil
	s.mu.Unlock()
	for _, done := range queue {
		done(err)
	}
}

// begin serves one REGISTER and returns the line its answer will come by.
func (r *rig) begin(contact string) *line {
	r.t.Helper()
	r.seq++
	b := fmt.Appendf(nil, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK%d\r\n"+
		"From: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: %d\r\nCSeq: 1 REGISTER\r\n"+
		"Contact: %s\r\nContent-Length: 0\r\n\r\n", r.seq, r.seq, contact)
	m := new(sip.Message)
	if err := m.Parse(b); err != nil {
		r.t.Fatal(err)
	}
	l := &line{answers: make(chan []byte, 2)}
	if err := r.g.serve(m, &rtc.Identity{}, transport.Flow{}, l, l); err != nil {
		r.t.Fatal(err)
	}
	for i := range b {
		b[i] = 'X'
	}
	return l
}

func TestAnswerWaitsForTheDisk(t *testing.T) {
	disk := new(slowStore)
	r := rigOn(t, location.New(disk, slog.New(slog.DiscardHandler)), nil)
	l := r.begin("<sip:a@192.0.2.4>")
	if len(l.answers) != 0 {
		t.Fatal("answered before the commit")
	}
	disk.end(nil)
	r.contacts(parseAnswer(t, <-l.answers), "<sip:a@192.0.2.4>;expires=3600")

	// Fails on the way to the disk.
	l = r.begin("<sip:b@192.0.2.4>")
	disk.end(errors.New("disk full"))
	a := r.want(parseAnswer(t, <-l.answers), 503)
	if !strings.Contains(a.header, "\r\nRetry-After: 10\r\n") || len(a.Contact) != 0 || strings.Contains(a.header, "disk") {
		t.Errorf("got\n%s", a.header)
	}
	// Is not even taken.
	disk.refuse = errors.New("queue full")
	l = r.begin("<sip:c@192.0.2.4>")
	r.want(parseAnswer(t, <-l.answers), 503)
	if list := r.loc.Bindings("sip:alice@example.com"); len(list) != 1 || list[0].URI != "sip:a@192.0.2.4" {
		t.Errorf("bound %+v", list)
	}
	if s := r.g.Stats(); s.Failed != 2 || s.Bound != 1 {
		t.Errorf("%+v", s)
	}
}

// server is transport, transactions, registrar, location and store on loopback.
type server struct {
	addr net.Addr
	loc  *location.Location
	stop func()
}

func start(t *testing.T, path string) *server {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(context.Background(), "sqlite://"+path, log, sqlstore.Migrations)
	if err != nil {
		t.Fatal(err)
	}
	loc := location.New(sqlstore.New(db, log), log)
	g := New(Config{Location: loc, Users: everyone{}, Log: log, NATExpires: 2 * time.Minute})
	layer := transaction.New(transaction.Config{Log: log})
	tr, err := transport.New(transport.Config{Handler: layer, Log: log,
		Listen: []transport.Listen{{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	layer.SetTransport(tr)
	gate := rtc.HandlerFunc(func(r *rtc.Request) error { r.Identity = &rtc.Identity{}; return rtc.Next })
	layer.SetTU(rtc.NewRouter(log, nil, gate, g))
	if _, err := loc.Restore(tr.ParseFlow); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	for _, f := range []func(context.Context) error{tr.Run, layer.Run, loc.Run} {
		run.Go(func() {
			if err := f(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	udp := net.UDPAddrFromAddrPort(tr.Listeners()[0].Addr())
	return &server{addr: udp, loc: loc, stop: func() {
		cancel()
		run.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}}
}

// Over real sockets: every REGISTER that got a 200 is there after a restart.
func TestRegistrationsSurviveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	s := start(t, path)
	c, err := net.Dial("udp", s.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const phones, window = 600, 64
	acked := make(map[string]bool)
	buf := make([]byte, 4096)
	read := func() {
		t.Helper()
		if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		m := new(sip.Message)
		if perr := m.Parse(buf[:n]); perr != nil || m.StatusCode() != 200 {
			t.Fatalf("answer %v\n%s", perr, buf[:n])
		}
		to, _ := m.To()
		if m.Count(sip.HdrContact) != 1 || acked[string(to.URI)] {
			t.Fatalf("unexpected answer\n%s", buf[:n])
		}
		// Via says 192.0.2.4 and we are on loopback: a translator must be between.
		a, _ := sip.ParseNameAddr(m.Get(sip.HdrContact))
		text, _ := a.Param("expires")
		if granted, ok := sip.ParseUint(text, 120); !ok || granted < 60 {
			t.Errorf("granted %s s behind a translator", text)
		}
		acked[string(to.URI)] = true
	}
	for n := range phones {
		if _, err := fmt.Fprintf(c, benchRegister, n, n, n, n, n, 1, n); err != nil {
			t.Fatal(err)
		}
		if n >= window {
			read()
		}
	}
	for len(acked) < phones {
		read()
	}
	s.stop()
	s = start(t, path)
	defer s.stop()
	if n := s.loc.Count(); n != phones {
		t.Errorf("%d bindings after the restart", n)
	}
	for uri := range acked {
		if list := s.loc.Bindings(rtc.AOR(uri)); len(list) != 1 || list[0].CSeq != 1 || list[0].Flow.Remote.String() != c.LocalAddr().String() {
			t.Errorf("%s: %+v", uri, list)
		}
	}
}
