package peers_test

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/interop/wire"
)

// A text from one phone to the other and back.
func TestMessage(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{})
	explain(t, s, "alice")
	alice := user(t, s, "linphonec", "alice", phones.UDP)
	account, err := s.AddUser(within(t), "bob", phones.TCP)
	must(t, "adding bob", err)
	account.Friend = "sip:alice@" + peers.Domain
	bob := startPhone(t, "baresip", account)
	must(t, "sending", alice.Message("sip:bob@"+peers.Domain, "Good morning"))
	text, err := bob.Messaged(within(t))
	must(t, "bob reads", err)
	if text != "Good morning" {
		t.Errorf("bob reads %q", text)
	}
	must(t, "sending", bob.Message("sip:alice@"+peers.Domain, "Good evening"))
	text, err = alice.Messaged(within(t))
	must(t, "alice reads", err)
	if text != "Good evening" {
		t.Errorf("alice reads %q", text)
	}
}

// A text to somebody who is away comes when he is back, also when the server was
// killed meanwhile. With three devices it comes at each of them, once.
func TestMessageToAbsent(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{})
	explain(t, s, "alice")
	alice := user(t, s, "linphonec", "alice", phones.UDP)
	account, err := s.AddUser(within(t), "bob", phones.TCP)
	must(t, "adding bob", err)
	must(t, "sending", alice.Message("sip:bob@"+peers.Domain, "while you were away"))
	must(t, "keeping", kept(t, s, "bob", 1))
	s.Kill()
	must(t, "starting the server again", s.Start(within(t)))
	bob := startPhone(t, "baresip", account)
	text, err := bob.Messaged(within(t))
	must(t, "bob reads", err)
	if text != "while you were away" {
		t.Errorf("bob reads %q", text)
	}
	must(t, "delivery", kept(t, s, "bob", 0))
	others := []phones.Phone{startPhone(t, "baresip", account), startPhone(t, "linphonec", account)}
	must(t, "sending", alice.Message("sip:bob@"+peers.Domain, "to all of you"))
	for i, d := range others {
		text, err := d.Messaged(within(t))
		must(t, fmt.Sprint("device ", i+2, " reads"), err)
		if text != "to all of you" {
			t.Errorf("device %d reads %q", i+2, text)
		}
	}
	for end := time.Now().Add(moment); !strings.Contains(bob.Transcript(), "to all of you"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the first device reads\n%s", bob.Transcript())
		}
	}
}

// kept waits until so many messages wait for a user.
func kept(t *testing.T, s *peers.Server, user string, n int) error {
	t.Helper()
	for {
		out, err := s.Tandem(within(t), "messages", "queue", user, "-o", "json")
		if err != nil {
			return err
		}
		if strings.Count(out, `"arrived"`) == n {
			return nil
		}
		select {
		case <-within(t).Done():
			return fmt.Errorf("%s waits instead of %d", out, n)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// A client that says only what SIMPLE has (RFC 3428), octet by octet, writes to
// phones and reads what they write.
func TestMessageOfRawClient(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{Trusting: true})
	explain(t, s, "carol")
	alice := user(t, s, "linphonec", "alice", phones.UDP)
	account, err := s.AddUser(within(t), "bob", phones.TCP)
	must(t, "adding bob", err)
	account.Friend = "sip:carol@" + peers.Domain
	bob := startPhone(t, "baresip", account)
	_, err = s.AddUser(within(t), "carol", phones.UDP)
	must(t, "adding carol", err)
	raw, err := wire.Open(within(t), "udp", netip.MustParseAddr("127.0.0.1"), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(s.TrustsPort)), nil)
	must(t, "opening a socket", err)
	t.Cleanup(raw.Close)
	ask := func(method, to, body string, want int) {
		t.Helper()
		id, uri, lines := rand.Text(), "sip:"+to+"@"+peers.Domain, "Content-Type: text/plain;charset=UTF-8\r\n"
		if method == "REGISTER" {
			uri, lines = "sip:"+peers.Domain, "Contact: <sip:carol@"+raw.Local.String()+">;expires=600\r\n"
		}
		must(t, "sending", raw.Send(fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:carol@%s>;tag=%s\r\nTo: <sip:%s@%s>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n%sContent-Length: %d\r\n\r\n%s",
			method, uri, raw.Local, id, peers.Domain, id[:8], to, peers.Domain, id, method, lines, len(body), body)))
		m, err := raw.Next(within(t), func(m *wire.Message) bool { return !m.IsRequest() && m.Get("Call-ID") == id && m.Status() >= 200 })
		must(t, "waiting for the answer to "+method, err)
		if m.Status() != want {
			t.Fatalf("%s to %s: %d, want %d", method, to, m.Status(), want)
		}
	}
	read := func(text string) error { // and answers, also the reports that linphonec sends
		for {
			m, err := raw.Next(within(t), func(m *wire.Message) bool { return m.Method() == "MESSAGE" })
			if err != nil {
				return err
			}
			if err := raw.Reply(m, fmt.Appendf(nil, "SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=raw\r\nCall-ID: %s\r\nCSeq: %s\r\nContent-Length: 0\r\n\r\n",
				strings.Join(m.Values("Via"), "\r\nVia: "), m.Get("From"), m.Get("To"), m.Get("Call-ID"), m.Get("CSeq"))); err != nil {
				return err
			}
			if strings.HasPrefix(m.Get("Content-Type"), "text/plain") {
				if string(m.Body) != text {
					t.Errorf("carol reads %q, want %q", m.Body, text)
				}
				return nil
			}
		}
	}
	ask("REGISTER", "carol", "", 200)
	for name, p := range map[string]phones.Phone{"alice": alice, "bob": bob} {
		ask("MESSAGE", name, "Grüße an "+name, 200)
		text, err := p.Messaged(within(t))
		must(t, name+" reads", err)
		if text != "Grüße an "+name {
			t.Errorf("%s reads %q", name, text)
		}
		must(t, "sending", p.Message("sip:carol@"+peers.Domain, "from "+name))
		must(t, "carol reads", read("from "+name))
	}
}
