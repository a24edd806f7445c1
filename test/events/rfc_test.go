package events

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/presence"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// The notifier's rules, each named after the section that has them, in raw bytes.

func TestRFC6665Section4211Refusals(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("alice", "bob")
	a := r.Dial(t, "udp")
	for _, c := range []struct {
		event, lines, body string
		code               int
		header             string
	}{
		{"unknown", "", "", 489, "Allow-Events"},
		{"presence", "Accept: text/plain", "", 406, "Accept"},
		{"presence", "Content-Type: text/plain", "hello", 415, ""},
		{"presence", "Expires: 5", "", 423, "Min-Expires"},
		{"presence", "Require: unheard-of", "", 420, "Unsupported"},
		{"presence", "Require: eventlist", "", 404, ""},
	} {
		_, m := r.Subscribes(a, "alice", "bob", c.event, c.lines, c.body)
		wantCode(t, m, c.code)
		if c.header != "" && value(m, c.header) == "" {
			t.Errorf("%s is missing\n%s", c.header, m.Bytes())
		}
	}
	_, m := r.Subscribes(a, "alice", "nobody", "presence", "", "")
	wantCode(t, m, 404)
	id := a.Ask("SUBSCRIBE", "alice", harness.BobURI, "Expires: 600", "")
	wantCode(t, a.Final(id, "SUBSCRIBE"), 489) // no Event at all
}

func TestRFC6665Section4213Authentication(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("bob")
	a := r.Dial(t, "udp")
	id := harness.Unique()
	a.Send(harness.CRLF(fmt.Sprintf("SUBSCRIBE %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:alice@%s>;tag=x\nTo: <%s>\nCall-ID: %s\nCSeq: 1 SUBSCRIBE\nContact: %s\nEvent: presence\nContent-Length: 0\n",
		harness.BobURI, a.Via(), harness.Domain, harness.BobURI, id, a.Contact("alice"))))
	if m := a.Final(id, "SUBSCRIBE"); m.StatusCode() != 401 && m.StatusCode() != 407 {
		t.Errorf("a stranger was answered\n%s", m.Bytes())
	}
}

func TestRFC6665Section443Fetch(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("alice", "bob")
	k, m := r.Subscribes(r.Dial(t, "udp"), "alice", "bob", "presence", "Expires: 0", "")
	wantCode(t, m, 200)
	n := k.Notified()
	if value(m, "Expires") != "0" || !strings.HasPrefix(value(n, "Subscription-State"), "terminated;reason=timeout") || len(n.Body()) == 0 {
		t.Errorf("%s", n.Bytes())
	}
	for end := time.Now().Add(harness.Patience); r.S.Events().Active() != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d subscriptions stay", r.S.Events().Active())
		}
	}
}

func TestRFC6665Section4212NotifyAfterEvery2xx(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("alice", "bob")
	k, first := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence")
	var left int
	if s := value(first, "Subscription-State"); !strings.HasPrefix(s, "active;expires=") {
		t.Errorf("Subscription-State: %s", s)
	} else if _, err := fmt.Sscanf(s, "active;expires=%d", &left); err != nil || left > 600 || left < 500 {
		t.Errorf("Subscription-State: %s", s)
	}
	m := again(k, "Expires: 300")
	wantCode(t, m, 200)
	if value(m, "Expires") != "300" || value(m, "Allow-Events") == "" || value(m, "Contact") == "" {
		t.Errorf("%s", m.Bytes())
	}
	second := k.Notified()
	s1, _ := first.CSeq()
	s2, _ := second.CSeq()
	if s2 != s1+1 || len(second.Body()) == 0 {
		t.Errorf("%s", second.Bytes())
	}
	k.Seq -= 2 // RFC 3261 §12.2.2
	wantCode(t, again(k, "Expires: 300"), 500)
}

func TestRFC6665Section413Deactivated(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("alice", "bob")
	k, _ := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence")
	r.S.Events().EndAll(harness.BobURI, "presence", "deactivated")
	if n := k.Notified(); !strings.HasPrefix(value(n, "Subscription-State"), "terminated;reason=deactivated") {
		t.Errorf("%s", n.Bytes())
	}
	wantCode(t, again(k, "Expires: 300"), 481)
}

// say sets what bob does.
func say(r *harness.Rig, activity string) {
	r.T.Helper()
	if err := r.S.Presence().SetManual(context.Background(), harness.BobURI, presence.Manual{Activity: activity}); err != nil {
		r.T.Fatal(err)
	}
}

func TestRFC6665Section422Failures(t *testing.T) {
	t.Parallel() // it waits
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	b := r.Dial(t, "udp")
	b.Register("bob")
	gone, _ := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence")
	busy, _ := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence")
	say(r, "busy")
	gone.Reply(gone.Request("NOTIFY"), 481, "", "", "")
	m, begin := busy.Request("NOTIFY"), time.Now()
	busy.Reply(m, 503, "", "Retry-After: 1", "")
	say(r, "meeting")
	if m := busy.Until("meeting"); time.Since(begin) < 900*time.Millisecond {
		t.Errorf("it did not wait\n%s", m.Bytes())
	}
	if m, err := gone.Hears(time.Second); err == nil {
		t.Errorf("who knows nothing was told\n%s", m.Bytes())
	}
	if n := r.S.Events().Active(); n != 1 {
		t.Errorf("%d subscriptions, want 1", n)
	}
}

// A NOTIFY whose first datagram is lost is sent again, and the subscription goes on.
func TestRFC3261Section1712LostNotify(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	r.Dial(t, "udp").Register("bob")
	k, _ := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence")
	say(r, "busy")
	k.Lost(k.Request("NOTIFY"))
	k.Until("busy")
}

func TestRFC6665Section452SeveralInOneDialog(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("alice", "bob")
	k, first := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence")
	k.Event = "dialog"
	wantCode(t, again(k, "Expires: 300"), 200)
	second := k.Notified()
	s1, _ := first.CSeq()
	s2, _ := second.CSeq()
	if value(second, "Event") != "dialog" || s2 != s1+1 {
		t.Errorf("%s", second.Bytes())
	}
	k.Event = "presence;id=7"
	wantCode(t, again(k, "Expires: 300"), 200)
	if m := k.Notified(); value(m, "Event") != "presence;id=7" {
		t.Errorf("%s", m.Bytes())
	}
}

func TestRFC6446Section5MaxRate(t *testing.T) {
	t.Parallel() // it waits
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	r.Dial(t, "udp").Register("bob")
	begin := time.Now()
	k, first := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence;max-rate=0.5")
	if !strings.Contains(value(first, "Subscription-State"), "max-rate=0.5") {
		t.Errorf("%s", first.Bytes())
	}
	for _, a := range []string{"busy", "meeting", "away"} {
		say(r, a)
	}
	for n := 1; ; n++ { // one, unless it took long to say all that
		m := k.Notified()
		if least := time.Duration(n) * 1900 * time.Millisecond; time.Since(begin) < least {
			t.Errorf("told for the %d. time after %v\n%s", n+1, time.Since(begin), m.Bytes())
		}
		if strings.Contains(string(m.Body()), "away") {
			return
		}
	}
}

func TestRFC5839Section5SuppressIfMatch(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	k, first := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence")
	tag := value(first, "SIP-ETag")
	m := again(k, "Expires: 300\nSuppress-If-Match: "+tag)
	wantCode(t, m, 204)
	if n, err := k.Hears(300 * time.Millisecond); err == nil {
		t.Errorf("%s", n.Bytes())
	}
	wantCode(t, again(k, "Expires: 300\nSuppress-If-Match: other"), 200)
	k.Notified()
	again, m := r.Subscribes(r.Dial(t, "udp"), "alice", "bob", "presence", "Suppress-If-Match: "+tag, "") // a new dialog
	wantCode(t, m, 200)
	if n := again.Notified(); len(n.Body()) > 0 || value(n, "Content-Type") != "" || value(n, "SIP-ETag") != tag {
		t.Errorf("%s", n.Bytes())
	}
}

func TestRFC6665Section43RecordRoute(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("alice", "bob")
	a := r.Dial(t, "udp")
	k, m := r.Subscribes(a, "alice", "bob", "presence", fmt.Sprintf("Record-Route: <sip:%s;lr>, <sip:edge2.test;lr>", a.Local), "")
	wantCode(t, m, 200)
	if n := k.Notified(); !strings.HasPrefix(value(n, "Route"), fmt.Sprintf("<sip:%s;lr>", a.Local)) || string(n.RequestURI()) != strings.Trim(a.Contact("alice"), "<>") {
		t.Errorf("%s", n.Bytes())
	}
}

func TestRFC3903Section6(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { cfg.Presence.BodyBytes = 2000; cfg.Presence.Publications = 2 })
	r.User("alice", "bob")
	b := r.Dial(t, "tcp")
	ok := pidfOf("bob", "open", "")
	wantCode(t, publish(b, "bob", "Expires: 5", ok), 423)
	wantCode(t, publish(b, "bob", "", ""), 400)
	wantCode(t, publish(b, "bob", "SIP-If-Match: unknown", ""), 412)
	wantCode(t, publish(b, "bob", "", "<not xml"), 400)
	wantCode(t, publish(b, "bob", "", `<!DOCTYPE x [<!ENTITY a "b">]>`+ok), 400)
	wantCode(t, publish(b, "bob", "", strings.Replace(ok, "</presence>", strings.Repeat("<note>x</note>", 200)+"</presence>", 1)), 413)
	wantCode(t, b.Final(b.Ask("PUBLISH", "bob", harness.BobURI, "Event: presence\nContent-Type: text/plain", "hello"), "PUBLISH"), 415)
	wantCode(t, b.Final(b.Ask("PUBLISH", "bob", harness.BobURI, "Event: weather\nContent-Type: application/pidf+xml", ok), "PUBLISH"), 489)
	wantCode(t, b.Final(b.Ask("PUBLISH", "alice", harness.BobURI, "Event: presence\nContent-Type: application/pidf+xml", ok), "PUBLISH"), 403)
	m := publish(b, "bob", "", ok)
	wantCode(t, m, 200)
	if value(m, "SIP-ETag") == "" || value(m, "Expires") == "" {
		t.Errorf("%s", m.Bytes())
	}
	wantCode(t, publish(b, "bob", "", ok), 200)
	wantCode(t, publish(b, "bob", "", ok), 403) // the third
}

// Differences are published (RFC 5264), from what was published before.
func TestRFC5264PartialPublication(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	b := r.Dial(t, "tcp")
	k, _ := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence")
	publish := func(match, body string) *sip.Message {
		return b.Final(b.Ask("PUBLISH", "bob", harness.BobURI, "Event: presence\nContent-Type: application/pidf-diff+xml"+match, body), "PUBLISH")
	}
	space := ` xmlns="urn:ietf:params:xml:ns:pidf" xmlns:p="urn:ietf:params:xml:ns:pidf-diff" entity="` + harness.BobURI + `"`
	diff := `<p:pidf-diff` + space + ` version="2"><p:replace sel="*/tuple[@id='t']/status/basic/text()">closed</p:replace></p:pidf-diff>`
	wantCode(t, publish("", diff), 400) // from nothing
	m := publish("", `<p:pidf-full`+space+` version="1"><tuple id="t"><status><basic>open</basic></status></tuple></p:pidf-full>`)
	wantCode(t, m, 200)
	k.Until("<basic>open</basic>")
	wantCode(t, publish("\nSIP-If-Match: unknown", diff), 412)
	wantCode(t, publish("\nSIP-If-Match: "+value(m, "SIP-ETag"), strings.Replace(diff, "[@id='t']", "[@id='x']", 1)), 400)
	m = publish("\nSIP-If-Match: "+value(m, "SIP-ETag"), diff)
	wantCode(t, m, 200)
	k.Until("<basic>closed</basic>")
}

// When somebody was online last is told where that is set, and not of who is.
func TestRFC3863Section417LastSeen(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { atOnce(cfg); cfg.Presence.LastSeen = true })
	r.User("alice", "bob")
	b := r.Dial(t, "tcp")
	k, first := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence")
	if strings.Contains(string(first.Body()), "<timestamp>") {
		t.Errorf("never seen: %s", first.Body())
	}
	b.Register("bob")
	if m := k.Until("<basic>open</basic>"); strings.Contains(string(m.Body()), "<timestamp>") {
		t.Errorf("online: %s", m.Body())
	}
	b.Close()
	m := k.Until("<basic>closed</basic>")
	_, at, _ := strings.Cut(string(m.Body()), "<timestamp>")
	at, _, _ = strings.Cut(at, "</timestamp>")
	if seen, err := time.Parse(time.RFC3339, at); err != nil || time.Since(seen).Abs() > time.Hour {
		t.Errorf("gone: %s", m.Body())
	}
	if e := r.S.Presence().Explain(harness.BobURI); time.Since(e.LastSeen) > time.Minute {
		t.Errorf("last seen %v", e.LastSeen)
	}
}

func TestRFC5263Section4PartialNotification(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	r.Dial(t, "udp").Register("bob")
	k, first := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence", "Accept: application/pidf-diff+xml")
	if text := string(first.Body()); !strings.Contains(text, "<p:pidf-full") || !strings.Contains(text, `version="1"`) {
		t.Errorf("%s", text)
	}
	say(r, "busy")
	if text := string(k.Notified().Body()); !strings.Contains(text, "<p:pidf-diff") || !strings.Contains(text, `version="2"`) || strings.Contains(text, "<tuple") {
		t.Errorf("%s", text)
	}
	wantCode(t, again(k, "Expires: 300"), 200)
	if text := string(k.Notified().Body()); !strings.Contains(text, "<p:pidf-full") || !strings.Contains(text, `version="3"`) {
		t.Errorf("after a refresh all is told: %s", text)
	}
}

func TestRFC4662Section4ListNeedsEventlist(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("alice", "bob")
	body := `<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="` + harness.BobURI + `"/></list></resource-lists>`
	_, m := r.Subscribes(r.Dial(t, "udp"), "alice", "alice", "presence", "Content-Type: application/resource-lists+xml", body)
	wantCode(t, m, 421)
}

// NOTIFY goes by the WebSocket its subscriber came by (RFC 7118 §5).
func TestRFC7118Section5Notify(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	r.Dial(t, "udp").Register("bob")
	k, _ := r.Watch(r.Dial(t, "wss"), "alice", "bob", "presence")
	say(r, "busy")
	k.Until("busy")
}

// The subscriber's Contact is a GRUU of ours: after its connection has closed it
// is found where its device is registered (RFC 5627 §4.4).
func TestRFC5627NotifyToGRUU(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	r.Dial(t, "udp").Register("bob")
	const instance = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
	old, now := r.Dial(t, "tcp"), r.Dial(t, "udp")
	k, m := r.Subscribes(old, "alice", "bob", "presence", "", "")
	wantCode(t, m, 200)
	k.Notified()
	gruu := fmt.Sprintf("<%s;gr=%s>", harness.AliceURI, instance)
	line, err := harness.Credentials(againAt(k, gruu, "Expires: 600"), "alice", harness.Password, "SUBSCRIBE", k.Target, "auth")
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, againAt(k, gruu, "Expires: 600\n"+line), 200)
	k.Notified()
	now.Register("alice", "Supported: gruu", fmt.Sprintf(`Contact: <sip:alice@%s>;+sip.instance="<%s>"`, now.Local, instance))
	before := r.S.Transport().Stats().Conns
	old.Close()
	for end := time.Now().Add(harness.Patience); r.S.Transport().Stats().Conns == before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server does not notice that the connection is closed")
		}
	}
	say(r, "busy")
	moved := &harness.Watcher{Wire: now, User: "alice", ID: k.ID}
	if n := moved.Until("busy"); string(n.RequestURI()) != "sip:alice@"+now.Local.String() {
		t.Errorf("%s", n.Bytes())
	}
}

// A user's own devices hear where he is registered (RFC 3680 §4.7).
func TestRFC3680Section5Registrations(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("bob")
	a, b := r.Dial(t, "udp"), r.Dial(t, "tcp")
	a.Register("bob")
	k, first := r.Watch(a, "bob", "bob", "reg")
	if text := string(first.Body()); !strings.Contains(text, `version="0"`) || !strings.Contains(text, `state="full"`) || strings.Count(text, "<contact ") != 1 {
		t.Errorf("%s", text)
	}
	b.Register("bob")
	if text := string(k.Notified().Body()); !strings.Contains(text, `version="1"`) || !strings.Contains(text, `state="partial"`) || strings.Count(text, "<contact ") != 1 {
		t.Errorf("%s", text)
	}
	wantCode(t, again(k, "Expires: 600"), 200)
	if text := string(k.Notified().Body()); !strings.Contains(text, `version="2"`) || !strings.Contains(text, `state="full"`) || strings.Count(text, "<contact ") != 2 {
		t.Errorf("%s", text)
	}
	b.Register("bob", "Expires: 0")
	if text := string(k.Notified().Body()); !strings.Contains(text, `state="terminated" event="unregistered"`) || strings.Count(text, "<contact ") != 1 || !strings.Contains(text, `state="active"`) {
		t.Errorf("%s", text)
	}
	if answer := harness.SocketClient(t, r.S).Do("DELETE", "/registrations/bob", ""); answer.Code != 200 {
		t.Fatal(answer.Text)
	}
	if text := string(k.Notified().Body()); !strings.Contains(text, `state="terminated" event="deactivated"`) || strings.Contains(text, `state="active"`) {
		t.Errorf("%s", text)
	}
}

// What can be subscribed to stands in answers to SUBSCRIBE and OPTIONS.
func TestRFC6665Section444AllowEvents(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("alice", "bob")
	a := r.Dial(t, "udp")
	_, m := r.Subscribes(a, "alice", "bob", "presence", "", "")
	o := a.Final(a.Ask("OPTIONS", "alice", "sip:"+harness.Domain, "", ""), "OPTIONS")
	for _, m := range []*sip.Message{m, o} {
		if e := value(m, "Allow-Events"); !strings.Contains(e, "presence") || !strings.Contains(e, "dialog") || !strings.Contains(e, "reg") {
			t.Errorf("Allow-Events %q in\n%s", e, m.Bytes())
		}
	}
}
