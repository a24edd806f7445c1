package pint

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// outside sends a request of q's user outside any dialog, with credentials when they are
// asked for, and returns the final answer.
func (q *pintClient) outside(t *testing.T, method, uri, lines, body string) *sip.Message {
	t.Helper()
	id := harness.Unique()
	ask := func(n int, extra string) *sip.Message {
		q.Send(strings.ReplaceAll(fmt.Sprintf("%s %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:%s@%s>;tag=w\nTo: <%s>\nCall-ID: %s\nCSeq: %d %s\nContact: %s\n%s%sContent-Length: %d\n\n",
			method, uri, q.Via(), q.user, harness.Domain, uri, id, n, method, q.Contact(q.user), lines, extra, len(body)), "\n", "\r\n") + body)
		return q.Final(id, method)
	}
	m := ask(1, "")
	if m.StatusCode() != 401 && m.StatusCode() != 407 {
		return m
	}
	line, err := harness.Credentials(m, q.user, harness.Password, method, uri, "auth")
	if err != nil {
		t.Fatal(err)
	}
	return ask(2, line+"\n")
}

// TestPINTWatching: who may ask about a session, in which words, and how it ends.
func TestPINTWatching(t *testing.T) {
	t.Parallel() // it waits
	r, q, alice, _ := pintRig(t, func(cfg *config.Config) { cfg.Presence.Interval = time.Millisecond })
	text := q.example(t, "4.9")
	_, body, _ := strings.Cut(text, "\r\n\r\n")
	ok := q.invite(t, text)
	contact, _ := ok.FirstAddr(sip.HdrContact)
	const pint = "Content-Type: application/sdp\n"
	eve := &pintClient{r.Dial(t, "udp"), "eve"}
	warned := func(who string, m *sip.Message, code int, warning string) {
		t.Helper()
		if m.StatusCode() != code || !strings.HasPrefix(string(m.Get(sip.HdrWarning)), warning) {
			t.Errorf("%s: answered\n%s", who, m.Bytes())
		}
	}
	warned("somebody else", eve.outside(t, "SUBSCRIBE", "sip:R2C@"+harness.Domain, pint, body), 606, "307 "+harness.Domain+` "session id no longer valid"`)
	warned("somebody else at the contact", eve.outside(t, "SUBSCRIBE", string(contact.URI), pint, body), 606, "307 ")
	warned("a forged o=", q.outside(t, "SUBSCRIBE", "sip:R2C@"+harness.Domain, pint, strings.Replace(body, "2353687760", "2353687761", 1)), 606, "307 ")
	warned("no Event and no PINT", q.outside(t, "SUBSCRIBE", "sip:alice@"+harness.Domain, "", ""), 489, "")
	warned("an event nobody has", q.outside(t, "SUBSCRIBE", "sip:alice@"+harness.Domain, "Event: colour\n", ""), 489, "")
	warned("no description", q.outside(t, "SUBSCRIBE", "sip:R2C@"+harness.Domain, "", ""), 400, "399 ")
	warned("UNSUBSCRIBE of nothing", q.outside(t, "UNSUBSCRIBE", "sip:R2C@"+harness.Domain, "", ""), 481, "")

	poll := q.outside(t, "SUBSCRIBE", "sip:R2C@"+harness.Domain, pint+"Expires: 0\n", body)
	if n, has := poll.Expires(); poll.StatusCode() != 200 || info(t, poll) != "queued" || !has || n != 0 {
		t.Errorf("a poll was answered\n%s", poll.Bytes())
	}
	watch := q.outside(t, "SUBSCRIBE", "sip:R2C@"+harness.Domain, pint+"Expires: 600\n", "--x\r\nContent-Type: application/sdp\r\n\r\n"+body+"\r\n--x\r\nContent-Type: text/plain\r\n\r\nignored\r\n--x--\r\n")
	if watch.StatusCode() == 200 { // its Content-Type says application/sdp, and it is none
		t.Errorf("taken for a description:\n%s", watch.Bytes())
	}
	watch = q.outside(t, "SUBSCRIBE", "sip:R2C@"+harness.Domain, pint+"Expires: 600\n", body)
	if n, _ := watch.Expires(); watch.StatusCode() != 200 || n != 600 {
		t.Fatalf("SUBSCRIBE was answered\n%s", watch.Bytes())
	}
	q.Reply(q.Request("NOTIFY"), 200, "", "", "")
	q.plainAck(ok, text)
	m := q.Request("NOTIFY")
	if info(t, m) != "dialling B" || m.Has(sip.HdrEvent) {
		t.Errorf("told by\n%s", m.Bytes())
	}
	q.Reply(m, 200, "", "", "")
	q.within(watch, "UNSUBSCRIBE", "", "")
	m = q.Final(string(watch.CallID()), "UNSUBSCRIBE")
	if n, has := m.Expires(); m.StatusCode() != 200 || !has || n != 7*24*3600 {
		t.Errorf("UNSUBSCRIBE was answered\n%s", m.Bytes())
	}
	alice.Reply(alice.Request("INVITE"), 180, "a", "", "")
	if m, err := q.Next(100*time.Millisecond, (*sip.Message).IsRequest); err == nil {
		t.Errorf("told after the end:\n%s", m.Bytes())
	}
	q.within(watch, "UNSUBSCRIBE", "", "")
	if m := q.Final(string(watch.CallID()), "UNSUBSCRIBE"); m.StatusCode() != 481 {
		t.Errorf("a second one was answered\n%s", m.Bytes())
	}

	// A watcher who refuses to be told is told no more, and knows it.
	q.within(ok, "SUBSCRIBE", pint+"Expires: 600\n", body)
	if m := q.Final(string(ok.CallID()), "SUBSCRIBE"); m.StatusCode() != 200 {
		t.Fatalf("SUBSCRIBE was answered\n%s", m.Bytes())
	}
	q.Reply(q.Request("NOTIFY"), 500, "", "", "")
	q.Reply(q.Request("UNSUBSCRIBE"), 200, "", "", "")

	// The same by RFC 6665: the dialog package, at the Contact of the answer.
	dialogs := func(m *sip.Message, state string) {
		t.Helper()
		if !strings.Contains(string(m.Body()), "<state>"+state+"</state>") || !strings.Contains(string(m.Body()), "tel:+44345123456") && state != "terminated" {
			t.Errorf("want %s in\n%s", state, m.Bytes())
		}
		q.Reply(m, 200, "", "", "")
	}
	if m := eve.outside(t, "SUBSCRIBE", string(contact.URI), "Event: dialog\n", ""); m.StatusCode() != 404 {
		t.Errorf("somebody else: answered\n%s", m.Bytes())
	}
	if m := q.outside(t, "SUBSCRIBE", string(contact.URI), "Event: dialog\nExpires: 600\n", ""); m.StatusCode() != 200 {
		t.Fatalf("Event: dialog was answered\n%s", m.Bytes())
	}
	dialogs(q.Request("NOTIFY"), "trying")
	q.within(ok, "BYE", "", "")
	if m := q.Final(string(ok.CallID()), "BYE"); m.StatusCode() != 200 {
		t.Errorf("BYE was answered\n%s", m.Bytes())
	}
	dialogs(q.Request("NOTIFY"), "terminated")
	alice.Reply(alice.Request("CANCEL"), 200, "", "", "")
}

// TestPINTDialogEvents: a service is shown by the event package dialog (RFC 4235) as it
// goes on: trying while the first party is called, early when it has answered and the
// second is called, confirmed when both talk, terminated; by whom it is with, and with
// versions that grow.
func TestPINTDialogEvents(t *testing.T) {
	t.Parallel() // it waits
	r, q, alice, gateway := pintRig(t, func(cfg *config.Config) { cfg.Presence.Interval = time.Millisecond })
	text := q.example(t, "4.9")
	ok := q.invite(t, text)
	contact, _ := ok.FirstAddr(sip.HdrContact)
	watcher := &pintClient{r.Dial(t, "udp"), "alice"}
	if m := watcher.outside(t, "SUBSCRIBE", string(contact.URI), "Event: dialog\nExpires: 600\n", ""); m.StatusCode() != 200 {
		t.Fatalf("Event: dialog was answered\n%s", m.Bytes())
	}
	var states []string
	var dialogs dialogInfo
	until := func(state string) {
		t.Helper()
		for len(states) == 0 || states[len(states)-1] != state {
			m := watcher.Request("NOTIFY")
			watcher.Reply(m, 200, "", "", "")
			var now dialogInfo
			if err := xml.Unmarshal(m.Body(), &now); err != nil || len(now.Dialogs) != 1 || now.Entity != "sip:"+sessionOf(t, ok)+"@"+harness.Domain {
				t.Fatalf("%v in\n%s", err, m.Bytes())
			}
			if now.Version <= dialogs.Version && len(states) > 0 {
				t.Errorf("version %d after %d", now.Version, dialogs.Version)
			}
			d := now.Dialogs[0]
			if d.State != "terminated" && d.Remote != "tel:+44345123456" {
				t.Errorf("with %q in\n%s", d.Remote, m.Bytes())
			}
			if dialogs = now; len(states) == 0 || states[len(states)-1] != d.State {
				states = append(states, d.State)
			}
			if string(m.GetName("Subscription-State")) == "" {
				t.Errorf("no Subscription-State in\n%s", m.Bytes())
			}
		}
	}
	until("trying")
	q.plainAck(ok, text)
	first := alice.Request("INVITE")
	alice.Reply(first, 180, "a", "", "")
	alice.Answer(first, 200, "a", 30000)
	alice.Request("ACK")
	until("early")
	second := gateway.Request("INVITE")
	gateway.Reply(second, 180, "b", "", "")
	gateway.Answer(second, 200, "b", 30002)
	gateway.Request("ACK")
	until("confirmed")
	alice.Bye(first, "a")
	hungUp(gateway)
	until("terminated")
	q.Reply(q.Request("BYE"), 200, "", "", "")
	if want := []string{"trying", "early", "confirmed", "terminated"}; !slices.Equal(states, want) {
		t.Errorf("shown were %q, want %q", states, want)
	}
}

// dialogInfo is a document of RFC 4235, as much of it as is looked at.
type dialogInfo struct {
	Version int    `xml:"version,attr"`
	Entity  string `xml:"entity,attr"`
	Dialogs []struct {
		State  string `xml:"state"`
		Remote string `xml:"remote>identity"`
	} `xml:"dialog"`
}

// sessionOf is the session that the answer to its INVITE names.
func sessionOf(t *testing.T, ok *sip.Message) string {
	t.Helper()
	contact, _ := ok.FirstAddr(sip.HdrContact)
	u, err := sip.ParseURI(contact.URI)
	if err != nil {
		t.Fatal(err)
	}
	return string(u.User)
}
