package peers_test

import (
	"bytes"
	"compress/zlib"
	"crypto/rand"
	"fmt"
	"io"
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
	ctx := within(t)
	for {
		out, err := s.Tandem(within(t), "messages", "queue", user, "-o", "json")
		if err != nil {
			return err
		}
		if strings.Count(out, `"arrived"`) == n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s waits instead of %d", out, n)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// simple is a client that says only what SIMPLE has (RFC 3428), octet by octet.
type simple struct {
	t    *testing.T
	user string
	*wire.Endpoint
}

// simpleClient makes a user and such a client of his, at the listener that trusts.
func simpleClient(t *testing.T, s *peers.Server, user string) *simple {
	t.Helper()
	_, err := s.AddUser(within(t), user, phones.UDP)
	must(t, "adding "+user, err)
	raw, err := wire.Open(within(t), "udp", netip.MustParseAddr("127.0.0.1"), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(s.TrustsPort)), nil)
	must(t, "opening a socket", err)
	t.Cleanup(raw.Close)
	c := &simple{t, user, raw}
	c.ask("REGISTER", user, "Contact: <sip:"+user+"@"+raw.Local.String()+">;expires=600\r\n", "", 200)
	return c
}

// ask sends a request and wants a final answer.
func (c *simple) ask(method, to, lines, body string, want int) {
	c.t.Helper()
	id, uri := rand.Text(), "sip:"+to+"@"+peers.Domain
	if method == "REGISTER" {
		uri = "sip:" + peers.Domain
	}
	must(c.t, "sending", c.Send(fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s\r\nMax-Forwards: 70\r\nFrom: <sip:%s@%s>;tag=%s\r\nTo: <sip:%s@%s>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\n%sContent-Length: %d\r\n\r\n%s",
		method, uri, c.Local, id, c.user, peers.Domain, id[:8], to, peers.Domain, id, method, lines, len(body), body)))
	m, err := c.Next(within(c.t), func(m *wire.Message) bool { return !m.IsRequest() && m.Get("Call-ID") == id && m.Status() >= 200 })
	must(c.t, "waiting for the answer to "+method, err)
	if m.Status() != want && (method != "MESSAGE" || m.Status() != 202) { // 202: a phone was slow, and gets it all the same
		c.t.Fatalf("%s to %s: %d, want %d", method, to, m.Status(), want)
	}
}

// write sends a body to a user.
func (c *simple) write(to, kind, body string) {
	c.t.Helper()
	c.ask("MESSAGE", to, "Content-Type: "+kind+"\r\n", body, 200)
}

// read takes messages, which it answers, until one is of a type.
func (c *simple) read(kind string) *wire.Message {
	c.t.Helper()
	for {
		m, err := c.Next(within(c.t), func(m *wire.Message) bool { return m.Method() == "MESSAGE" })
		must(c.t, "waiting for "+kind, err)
		must(c.t, "answering", c.Reply(m, fmt.Appendf(nil, "SIP/2.0 200 OK\r\nVia: %s\r\nFrom: %s\r\nTo: %s;tag=raw\r\nCall-ID: %s\r\nCSeq: %s\r\nContent-Length: 0\r\n\r\n",
			strings.Join(m.Values("Via"), "\r\nVia: "), m.Get("From"), m.Get("To"), m.Get("Call-ID"), m.Get("CSeq"))))
		if strings.HasPrefix(m.Get("Content-Type"), kind) {
			return m
		}
	}
}

// Such a client writes to phones and reads what they write.
func TestMessageOfRawClient(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{Trusting: true})
	explain(t, s, "carol")
	alice := user(t, s, "linphonec", "alice", phones.UDP)
	account, err := s.AddUser(within(t), "bob", phones.TCP)
	must(t, "adding bob", err)
	account.Friend = "sip:carol@" + peers.Domain
	bob := startPhone(t, "baresip", account)
	carol := simpleClient(t, s, "carol")
	for name, p := range map[string]phones.Phone{"alice": alice, "bob": bob} {
		carol.write(name, "text/plain;charset=UTF-8", "Grüße an "+name)
		text, err := p.Messaged(within(t))
		must(t, name+" reads", err)
		if text != "Grüße an "+name {
			t.Errorf("%s reads %q", name, text)
		}
		must(t, "sending", p.Message("sip:carol@"+peers.Domain, "from "+name))
		if m := carol.read("text/plain"); string(m.Body) != "from "+name { // past the reports that linphonec sends
			t.Errorf("carol reads %q", m.Body)
		}
	}
}

// linphone wraps what it writes in CPIM and asks for delivery notices; those that it
// sends itself it wraps as well, and compresses them. All of it passes, both ways.
func TestCPIMOfLinphone(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{Trusting: true})
	explain(t, s, "alice")
	account, err := s.AddUser(within(t), "alice", phones.UDP)
	must(t, "adding alice", err)
	account.CPIM = true
	alice := startPhone(t, "linphonec", account)
	carol := simpleClient(t, s, "carol")
	must(t, "sending", alice.Message("sip:carol@"+peers.Domain, "Grüße"))
	m := carol.read("message/cpim")
	for _, part := range []string{"NS: imdn <urn:ietf:params:imdn>\r\n", "imdn.Disposition-Notification: ", "\r\n\r\nContent-Type: text/plain\r\n", "\r\n\r\nGrüße"} {
		if !strings.Contains(string(m.Body), part) {
			t.Errorf("no %q in\n%s", part, m.Body)
		}
	}
	const id = "34jk324j"
	carol.write("alice", "message/cpim", "From: <sip:carol@"+peers.Domain+">\r\nTo: <sip:alice@"+peers.Domain+">\r\nDateTime: 2026-11-30T10:08:40Z\r\nNS: imdn <urn:ietf:params:imdn>\r\n"+
		"imdn.Message-ID: "+id+"\r\nimdn.Disposition-Notification: positive-delivery, negative-delivery\r\n\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: 5\r\n\r\nhello")
	text, err := alice.Messaged(within(t))
	must(t, "alice reads", err)
	if text != "hello" {
		t.Errorf("alice reads %q", text)
	}
	notice := carol.read("message/cpim")
	body := notice.Body
	if notice.Get("Content-Encoding") == "deflate" {
		r, err := zlib.NewReader(bytes.NewReader(body))
		must(t, "opening what is compressed", err)
		body, err = io.ReadAll(r)
		must(t, "reading what is compressed", err)
	}
	t.Logf("%s, %s", notice.Get("Content-Type"), notice.Get("Content-Encoding"))
	for _, part := range []string{"message/imdn+xml", "<message-id>" + id + "</message-id>", "<delivered/>"} {
		if !strings.Contains(string(body), part) {
			t.Errorf("no %q in\n%s", part, body)
		}
	}
}
