package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/datafolder"
	"tandem/cmd/tandem/server"
	"tandem/rtc/directory"
	"tandem/telephony/cdr"
	cdrstore "tandem/telephony/cdr/sqlstore"
	"tandem/test/harness"
)

// The database is deleted under a running server: it is not ready, says so, and
// promises nothing more: not even a refresh that the copy on disk would cover.
func TestDatabaseDeletedUnderARunningServer(t *testing.T) {
	s := harness.Running(t, func(cfg *config.Config) {
		cfg.Listen[0].Trusted = []string{"127.0.0.0/8"}
		leaveOpen(t, cfg)
	})
	begun := func() bool {
		all, err := s.Records().List(t.Context(), cdr.Query{})
		return err == nil && len(all) == 1 && all[0].State == cdr.Interrupted && !s.PINT().Loading()
	}
	if !harness.Holds(begun) { // else the start ends for want of what it reads first
		t.Fatal("the server does not take up what an earlier one left")
	}
	phone := registrant(t, s)
	for range 3 { // one is written, the others are covered
		if code := phone(); code != 200 {
			t.Fatalf("REGISTER got %d", code)
		}
	}
	if err := s.Ready(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.Config().Data, "tandem.db")); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "tandem backup") {
		t.Errorf("ready: %v", err)
	}
	if r := harness.SocketClient(t, s).Do("GET", "/server", ""); !strings.Contains(fmt.Sprint(r.Body["store_error"]), "removed") {
		t.Errorf("status says %q", r.Text)
	}
	code := 200
	for end := time.Now().Add(harness.Patience); code == 200 && time.Now().Before(end); {
		time.Sleep(250 * time.Millisecond)
		code = phone()
	}
	if code != 503 {
		t.Errorf("a refresh got %d", code)
	}
}

// leaveOpen puts the record of a call into the store that an earlier server left open.
func leaveOpen(t *testing.T, cfg *config.Config) {
	t.Helper()
	db, _, err := datafolder.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	err = cdrstore.New(db).Put(cdr.Record{ID: "earlier", State: cdr.Open, Started: time.Now().Add(-time.Hour)}, func(err error) { done <- err })
	if err == nil {
		err = <-done
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// registrant is a phone at the first listener; each call refreshes its binding
// and returns the code of the answer.
func registrant(t *testing.T, s *server.Server) func() int {
	c, err := net.Dial("udp", s.Transport().Listeners()[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := s.Directory().Add(context.Background(), directory.AddUser{AOR: "sip:alice@example.com"}); err != nil {
		t.Fatal(err)
	}
	seq := 0
	return func() int {
		seq++
		fmt.Fprintf(c, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bK%[2]d;rport\r\nMax-Forwards: 70\r\n"+
			"From: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\nCall-ID: refresh\r\nCSeq: %[2]d REGISTER\r\n"+
			"Contact: <sip:alice@%[1]s>\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n", c.LocalAddr(), seq)
		b := make([]byte, 4096)
		c.SetReadDeadline(time.Now().Add(harness.Patience))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		var code int
		if _, err := fmt.Sscanf(string(b[:n]), "SIP/2.0 %d", &code); err != nil {
			t.Fatalf("%v: %s", err, b[:n])
		}
		return code
	}
}
