package auth

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
)

// serve runs a whole server of the gate and a handler that answers 200 with
// what it was told, on loopback, and returns a client's socket.
func serve(t *testing.T, g *Gate, trusted ...netip.Prefix) net.Conn {
	t.Helper()
	log := g.cfg.Log
	layer := transaction.New(transaction.Config{Log: log})
	router := rtc.NewRouter(log, nil, g, rtc.HandlerFunc(func(r *rtc.Request) error {
		line := "X-Identity: none\r\n"
		if r.Identity != nil {
			line = "X-Identity: " + string(r.Identity.AOR) + ";" + string('0'+byte(r.Identity.Method)) + "\r\n"
		} else if r.Method() == sip.INVITE {
			return g.Demand(r)
		}
		r.Respond(200, "", []byte(line))
		return nil
	}))
	layer.SetTU(router)
	tr, err := transport.New(transport.Config{Handler: layer, Log: log, Listen: []transport.Listen{{
		Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 1, Trusted: trusted}}})
	if err != nil {
		t.Fatal(err)
	}
	layer.SetTransport(tr)
	ctx, stop := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = layer.Run(ctx) })
	run.Go(func() { _ = tr.Run(ctx) })
	conn, err := net.Dial("udp", tr.Listeners()[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		run.Wait()
		_ = conn.Close()
	})
	return conn
}

// ask sends a request and returns the final response.
func ask(t *testing.T, conn net.Conn, r request) string {
	t.Helper()
	if _, err := conn.Write([]byte(r.String())); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65535)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(buf[:n]); !strings.HasPrefix(s, "SIP/2.0 1") {
			return s
		}
	}
}

func header(response, name string) (values []string) {
	for line := range strings.SplitSeq(response, "\r\n") {
		if v, ok := strings.CutPrefix(line, name+": "); ok {
			values = append(values, v)
		}
	}
	return values
}

func TestServeOnSockets(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Limits.PerUser = 2 })
	conn := serve(t, f.Gate)
	answerTo := func(r request, response, name, secret string) string {
		values := header(response, name)
		if len(values) != 2 || !strings.Contains(values[1], "algorithm=MD5") {
			t.Fatalf("challenges %q in\n%s", values, response)
		}
		return f.answer(r, parseChallenge(t, values[1]), "alice", secret, nil)
	}
	r := register("alice")
	first := ask(t, conn, r)
	if !strings.HasPrefix(first, "SIP/2.0 401 Unauthorized\r\n") {
		t.Fatal(first)
	}
	r.cseq++
	ok := ask(t, conn, r.with(answerTo(r, first, "WWW-Authenticate", password)))
	if !strings.HasPrefix(ok, "SIP/2.0 200 ") || header(ok, "X-Identity")[0] != "sip:alice@example.com;1" {
		t.Fatal(ok)
	}
	// A handler that demands an identity within a dialog gets one.
	invite := message("sip:alice@example.com", "sip:bob@example.com")
	invite.method, invite.body, invite.to = "INVITE", "", invite.to+";tag=2"
	first = ask(t, conn, invite)
	if !strings.HasPrefix(first, "SIP/2.0 407 Proxy Authentication Required\r\n") {
		t.Fatal(first)
	}
	invite.cseq++
	ok = ask(t, conn, invite.with(answerTo(invite, first, "Proxy-Authenticate", password)))
	if !strings.HasPrefix(ok, "SIP/2.0 200 ") || header(ok, "X-Identity")[0] != "sip:alice@example.com;1" {
		t.Fatal(ok)
	}
	// Too many wrong ones where alice was before: a short wait, and an end of it by hand.
	for range 2 {
		r.cseq++
		first = ask(t, conn, r)
		ask(t, conn, r.with(answerTo(r, first, "WWW-Authenticate", "wrong-password")))
	}
	r.cseq++
	refused := ask(t, conn, r.with(answerTo(r, ask(t, conn, r), "WWW-Authenticate", password)))
	if wait, err := strconv.Atoi(strings.Join(header(refused, "Retry-After"), "")); err != nil || wait < 1 || wait > 10 || !strings.HasPrefix(refused, "SIP/2.0 503 Try Again Later\r\n") {
		t.Fatal(refused)
	}
	if bans := f.Bans(); len(bans) != 1 || f.Unban(bans[0].Addr, bans[0].User) != 1 || len(f.Bans()) != 0 {
		t.Errorf("%+v, then %+v", bans, f.Bans())
	}
	r.cseq++
	if ok := ask(t, conn, r.with(answerTo(r, ask(t, conn, r), "WWW-Authenticate", password))); !strings.HasPrefix(ok, "SIP/2.0 200 ") {
		t.Error(ok)
	}
}

func TestServeTrustedAddress(t *testing.T) {
	f := newFixture(t, nil)
	conn := serve(t, f.Gate, netip.MustParsePrefix("127.0.0.0/8"))
	ok := ask(t, conn, register("alice"))
	if !strings.HasPrefix(ok, "SIP/2.0 200 ") || header(ok, "X-Identity")[0] != ";2" {
		t.Error(ok)
	}
}

// TestExpiryByTheClock has the gate read the clock itself, in virtual time.
func TestExpiryByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, nil)
		f.now = time.Now()
		r := register("alice")
		line := f.answer(r, f.challenge(f.send(r))["MD5"], "alice", password, nil)
		time.Sleep(5*time.Minute - time.Second)
		f.now = time.Now()
		f.wantIdentity(f.send(r.with(line)), "sip:alice@example.com")
		for range 10 {
			f.login(r, "alice", "wrong-password")
		}
		if len(f.Bans()) != 1 {
			t.Error("no ban")
		}
		time.Sleep(time.Minute)
		if len(f.Bans()) != 0 {
			t.Error("the ban goes on")
		}
		f.now = time.Now()
		f.wantAsked(f.send(r.with(line)), true)
	})
}

// What would be refused anyway is refused before credentials are asked for.
func TestPrecheck(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.Precheck = func(r *rtc.Request) error {
			if r.Method() == sip.MESSAGE {
				return &rtc.Status{Code: 483}
			}
			return nil
		}
	})
	conn := serve(t, f.Gate)
	if a := ask(t, conn, message("sip:alice@example.com", "sip:bob@example.com")); !strings.HasPrefix(a, "SIP/2.0 483 ") {
		t.Error(a)
	}
	if a := ask(t, conn, register("alice")); !strings.HasPrefix(a, "SIP/2.0 401 ") {
		t.Error(a)
	}
}
