package phones

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/interop/wire"
	"tandem/test/harness"
)

// heardInvite is the INVITE that a desk got, octet by octet.
func (d *desk) heardInvite(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	m, err := d.end.Next(ctx, func(m *wire.Message) bool { return m.Method() == "INVITE" && m.IsRequest() })
	if err != nil {
		t.Fatalf("%s is not called: %v", d.user, err)
	}
	d.answer(m, "486 Busy Here", "")
	for _, r := range d.end.Records() {
		if !r.Sent && strings.HasPrefix(string(r.Bytes), "INVITE ") {
			return string(r.Bytes)
		}
	}
	return ""
}

// TestOutputByFamily: what the proxy forwards to a phone of ours leaves as its family
// needs it: without 100rel, its description in order, with compact names when it is
// long. What goes to another family, and to a device of the same user that is no
// phone of ours, leaves as it came.
func TestOutputByFamily(t *testing.T) {
	o := newOffice(t, overUDP)
	for _, u := range []string{"alice", "bob", "dave"} {
		o.user(u)
	}
	old, other := o.place(t, "cisco-7960", "000532000002", "alice"), o.place(t, "snom", "000413000002", "bob")
	laptop := o.laptop(t, "alice")
	caller := o.place(t, "polycom", "0004f2000003", "dave") // it says 100rel, and a= before c= of the sound
	call := func(user string) func() {
		return doing(func() {
			if call, err := caller.Dial(t.Context(), "sip:"+user+"@example.com"); err == nil {
				call.Close()
			}
		})
	}
	wait := call("alice")
	shaped, plain := old.heardInvite(t), laptop.heardInvite(t)
	wait()
	wait = call("bob")
	kept := other.heardInvite(t)
	wait()
	for what, text := range map[string]string{"another family": kept, "a device that is no phone of ours": plain} {
		if !strings.Contains(text, "Supported: 100rel,replaces\r\n") || !strings.Contains(text, "\r\nFrom: ") || !strings.Contains(text, "a=fmtp:18 annexb=no\r\na=rtpmap:127") {
			t.Errorf("%s gets\n%s", what, text)
		}
	}
	if strings.Contains(shaped, "100rel") || !strings.Contains(shaped, "replaces\r\n") || !strings.Contains(shaped, "a=rtpmap:127 telephone-event/8000\r\na=fmtp:18") {
		t.Errorf("the old phone gets\n%s", shaped)
	}

	o.policy(t, "cisco-7960: {compact_above: 200}\nsnom: {reliable: strip}\n")
	for _, d := range []*desk{old, other, laptop} {
		d.end.Forget()
	}
	wait = call("alice")
	shaped = old.heardInvite(t)
	laptop.heardInvite(t)
	wait()
	wait = call("bob")
	kept = other.heardInvite(t)
	wait()
	for _, line := range []string{"\r\nv: SIP/2.0/UDP ", "\r\nf: ", "\r\ni: ", "\r\nk: replaces\r\n", "\r\nl: "} {
		if !strings.Contains(shaped, line) || strings.Contains(kept, line) {
			t.Errorf("%q: the one that wants compact names gets\n%s\nthe other\n%s", line, shaped, kept)
		}
	}
	if strings.Contains(kept, "100rel") {
		t.Errorf("the policy changed by a file does not count:\n%s", kept)
	}
}

// TestForwardedCaller: who calls is told by whom the server trusts, and the proxy passes it
// on to each phone where that reads it.
func TestForwardedCaller(t *testing.T) {
	o := newOffice(t, func(c *config.Config) {
		overUDP(c)
		c.Listen = append(c.Listen, config.Listen{Proto: "udp", Addr: "127.0.0.1:0", Trusted: []string{"127.0.0.1/32"}})
	})
	listeners := o.Transport().Listeners()
	trusting := listeners[len(listeners)-1].Addr()
	for i, c := range []struct{ user, family, mac, want, not string }{
		{"alice", "cisco-7960", "000532000002", "\r\nRemote-Party-ID: \"Outside\" <sip:+4930@example.org>;party=calling;id-type=subscriber;privacy=off;screen=yes\r\n", "P-Asserted-Identity"},
		{"bob", "yealink", "001565000001", "\r\nP-Asserted-Identity: \"Outside\" <sip:+4930@example.org>\r\n", "Remote-Party-ID"},
	} {
		o.user(c.user)
		d := o.place(t, c.family, c.mac, c.user)
		d.end.Forget()
		end, err := wire.Open(t.Context(), "UDP", trusting.Addr(), trusting, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(end.Close)
		const format = "INVITE sip:%[2]s@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bKca%[3]d\r\nMax-Forwards: 70\r\nFrom: <sip:anyone@example.org>;tag=1\r\nTo: <sip:%[2]s@example.com>\r\n" +
			"Call-ID: ca%[3]d\r\nCSeq: 1 INVITE\r\nContact: <sip:anyone@%[1]s>\r\nP-Asserted-Identity: \"Outside\" <sip:+4930@example.org>\r\nContent-Length: 0\r\n\r\n"
		if err := end.Send(fmt.Appendf(nil, format, end.Local, c.user, i)); err != nil {
			t.Fatal(err)
		}
		if got := d.heardInvite(t); !strings.Contains(got, c.want) || strings.Contains(got, c.not) {
			t.Errorf("%s gets\n%s", c.family, got)
		}
	}
}

// policy writes the operator's output.yaml.
func (o *office) policy(t *testing.T, text string) {
	t.Helper()
	o.write(t, "templates/output.yaml", text)
	if err := o.Reload(); err != nil {
		t.Fatal(err)
	}
}

// TestChallengeByFamily: a user's phone of a family that stumbles over several
// challenges is asked for MD5 alone; others, and others who call themselves so, for
// the best first.
func TestChallengeByFamily(t *testing.T) {
	o := newOffice(t, overUDP)
	for user, family := range map[string]string{"alice": "cisco-7960", "bob": "yealink"} {
		o.user(user)
		o.phone(map[string]string{"alice": "000532000001", "bob": "001565000001"}[user], family, nil, user)
	}
	for i, c := range []struct{ user, agent, want string }{
		{"alice", "CSCO/7", "MD5"},
		{"alice", "Yealink SIP-T27G 69.86.0.15", "SHA-256 MD5"},
		{"bob", "CSCO/7", "SHA-256 MD5"},
		{"bob", "Yealink SIP-T27G 69.86.0.15", "SHA-256 MD5"},
		{"nobody", "CSCO/7", "SHA-256 MD5"},
	} {
		end := o.end(t)
		fmtRegister := "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bKch%[4]d\r\nMax-Forwards: 70\r\nFrom: <sip:%[2]s@example.com>;tag=1\r\nTo: <sip:%[2]s@example.com>\r\n" +
			"Call-ID: ch%[4]d\r\nCSeq: 1 REGISTER\r\nContact: <sip:%[2]s@%[1]s>\r\nUser-Agent: %[3]s\r\nContent-Length: 0\r\n\r\n"
		if err := end.Send(fmt.Appendf(nil, fmtRegister, end.Local, c.user, c.agent, i)); err != nil {
			t.Fatal(err)
		}
		m, err := (&desk{t: t, end: end}).next(func(m *wire.Message) bool { return m.Status() >= 200 })
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range regexp.MustCompile(`algorithm=([A-Z0-9-]+)`).FindAllStringSubmatch(string(end.Records()[1].Bytes), -1) {
			got = append(got, v[1])
		}
		if s := strings.Join(got, " "); s != c.want || m.Status() != 401 {
			t.Errorf("%s as %s: %d %s, want %s", c.user, c.agent, m.Status(), s, c.want)
		}
	}
}

// watch has a desk subscribe to the lamp of a user, and returns the first NOTIFY.
func (d *desk) watch(t *testing.T, target, event, accept, more string) *wire.Message {
	t.Helper()
	answer, err := d.Ask(t.Context(), "SUBSCRIBE", "sip:"+target+"@example.com", "Event: "+event+"\r\nAccept: "+accept+"\r\nExpires: 600\r\n"+more, "")
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status() != 200 {
		t.Fatalf("%s subscribes to %s of %s: %s", d.user, event, target, answer.Start)
	}
	return d.told(event)
}

// TestLampByFamily: a line that does nothing is shown as a dialog that is over to
// phones that need one, and without any to those that need none; messages are counted
// with and without urgent ones. It is the phone that counts, not its user.
func TestLampByFamily(t *testing.T) {
	o := newOffice(t, overUDP)
	for _, u := range []string{"alice", "bob", "carol"} {
		o.user(u)
	}
	for _, c := range []struct {
		family, mac, user string
		want              bool
	}{{"yealink", "001565000001", "alice", true}, {"cisco-spa", "000e08000001", "bob", false}, {"cisco-spa", "000e08000002", "alice", false}, {"snom", "000413000001", "bob", true}} {
		d := o.place(t, c.family, c.mac, c.user)
		m := d.watch(t, "carol", "dialog", "application/dialog-info+xml", "")
		body := string(m.Body)
		if strings.Contains(body, "<dialog ") != c.want || !strings.Contains(body, `entity="sip:carol@example.com"`) {
			t.Errorf("%s of %s is shown\n%s", c.family, c.user, body)
		}
	}
	for _, c := range []struct{ family, mac, want string }{{"cisco-enterprise", "001bd4000001", "Voice-Message: 0/0\r\n"}, {"yealink", "001565000002", "Voice-Message: 0/0 (0/0)\r\n"}} {
		d := o.place(t, c.family, c.mac, "carol")
		if m := d.watch(t, "carol", "message-summary", "application/simple-message-summary", ""); !strings.HasSuffix(string(m.Body), c.want) {
			t.Errorf("%s of carol, who has two phones, is told\n%s", c.family, m.Body)
		}
	}
}

// TestDisplayByFamily: a call is transferred. A phone that takes UPDATE is told of
// its new party by one without a description, another by a re-INVITE, each in the
// header that it reads.
func TestDisplayByFamily(t *testing.T) {
	o := newOffice(t, func(c *config.Config) { overUDP(c); c.Telephony.AllCalls = true })
	for _, u := range []string{"alice", "bob", "carol", "dave"} {
		o.user(u)
	}
	caller, carol := o.place(t, "yealink", "001565000001", "dave"), o.place(t, "yealink", "001565000009", "carol")
	for _, c := range []struct{ family, mac, user, method, header, value string }{
		{"polycom", "0004f2000001", "alice", "UPDATE", "P-Asserted-Identity", `"Carol \"<&>\"" <sip:carol@example.com>`},
		{"cisco-7960", "000532000001", "bob", "INVITE", "Remote-Party-ID", `"Carol \"<&>\"" <sip:carol@example.com>;party=called;id-type=subscriber;privacy=off;screen=yes`},
	} {
		stays := o.place(t, c.family, c.mac, c.user)
		near, _ := o.connect(t, caller.Device, stays, "sip:"+c.user+"@example.com")
		answered := doing(func() {
			in, err := carol.Incoming(t.Context())
			if err == nil {
				err = in.Answer(t.Context())
				t.Cleanup(in.Close)
			}
			if err != nil {
				t.Error(err)
			}
		})
		leaves := doing(func() { _ = near.HungUp(t.Context()) })
		o.do(t, "POST", "/calls/"+o.Exchange().Calls()[0].ID()+"/transfer", `{"to":"carol","by":"caller"}`)
		answered()
		m, err := stays.next(func(m *wire.Message) bool { return m.IsRequest() && (m.Method() == "UPDATE" || m.Method() == "INVITE") })
		if err != nil {
			t.Fatal(err)
		}
		if m.Method() != c.method || m.Get(c.header) != c.value || (len(m.Body) == 0) != (c.method == "UPDATE") {
			t.Errorf("%s is told by %s %s: %q, want %q", c.family, m.Method(), c.header, m.Get(c.header), c.value)
		}
		stays.answer(m, "500 Enough", "")
		leaves()
		o.Exchange().Calls()[0].Hangup("test")
		if !harness.Holds(func() bool { return o.Exchange().Active() == 0 }) {
			t.Error("the call does not end")
		}
	}
}

// heard waits for a request of a method, takes it, and returns it octet by octet.
func (d *desk) heard(t *testing.T, method string) string {
	t.Helper()
	m, err := d.next(func(m *wire.Message) bool { return m.IsRequest() && m.Method() == method })
	if err != nil {
		t.Fatalf("%s waits for %s: %v", d.user, method, err)
	}
	d.answer(m, "200 OK", "")
	return d.last(method)
}

// last is the request of a method that came last, octet by octet.
func (d *desk) last(method string) string {
	records := d.end.Records()
	for i := len(records) - 1; i >= 0; i-- {
		if r := records[i]; !r.Sent && strings.HasPrefix(string(r.Bytes), method+" ") {
			return string(r.Bytes)
		}
	}
	return ""
}

// TestOutsideByFamily: requests outside calls are written as the family needs them, too:
// messages, those that were kept, notices that were asked for and those that were not,
// and what the proxy forwards. Those to another family are not.
func TestOutsideByFamily(t *testing.T) {
	o := newOffice(t, overUDP)
	for _, u := range []string{"alice", "bob", "carol"} {
		o.user(u)
	}
	o.policy(t, "polycom: {compact_above: 100}\n")
	carol := o.place(t, "yealink", "001565000003", "carol")
	say := func(user string) {
		if _, err := carol.Ask(t.Context(), "MESSAGE", "sip:"+user+"@example.com", "", "text/plain", "hello"); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		family, mac, user string
		compact           bool
	}{{"polycom", "0004f2000001", "alice", true}, {"snom", "000413000001", "bob", false}} {
		say(c.user) // he is away
		d := o.place(t, c.family, c.mac, c.user)
		check := func(what, text string) {
			t.Helper()
			if strings.Contains(text, "\r\nv: SIP/2.0") != c.compact || strings.Contains(text, "\r\nf: ") != c.compact || strings.Contains(text, "\r\nFrom: ") == c.compact {
				t.Errorf("%s to %s:\n%s", what, c.family, text)
			}
		}
		check("a message that was kept", d.heard(t, "MESSAGE"))
		told := doing(func() { say(c.user) })
		check("a message", d.heard(t, "MESSAGE"))
		told()
		told = doing(func() { o.do(t, "POST", "/phones/"+c.mac+"/resync", "") })
		check("a notice", d.heard(t, "NOTIFY"))
		told()
		told = doing(func() { _, _ = carol.Ask(t.Context(), "OPTIONS", "sip:"+c.user+"@example.com", "", "") })
		check("OPTIONS", d.heard(t, "OPTIONS"))
		told()
		d.watch(t, c.user, "message-summary", "application/simple-message-summary", "")
		check("what it subscribes to", d.last("NOTIFY"))
	}
}
