package phones

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/interop/device"
	"tandem/interop/wire"
	"tandem/rtc"
	"tandem/telephony/settings"
	"tandem/test/harness"
)

// subscribe sends a SUBSCRIBE with a body, proves who sends it, and returns the
// status and the body of the first NOTIFY.
func (d *desk) subscribe(user, password, event, accept, body string) (int, string) {
	d.t.Helper()
	callID := fmt.Sprintf("sub-%d", time.Now().UnixNano())
	send := func(seq int, login string) *wire.Message {
		m := fmt.Sprintf("SUBSCRIBE sip:%s@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%d\r\nMax-Forwards: 70\r\nFrom: <sip:%s@example.com>;tag=f\r\nTo: <sip:%s@example.com>\r\n"+
			"Call-ID: %s\r\nCSeq: %d SUBSCRIBE\r\nContact: <sip:%s@%s>\r\nEvent: %s\r\nAccept: %s\r\nExpires: 600\r\n%s", user, d.end.Local, callID, seq, user, user, callID, seq, user, d.end.Local, event, accept, login)
		if body != "" {
			m += "Content-Type: " + accept + "\r\n"
		}
		m += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
		if err := d.end.Send([]byte(m)); err != nil {
			d.t.Fatal(err)
		}
		answer, err := d.next(func(m *wire.Message) bool { return m.Status() >= 200 && m.Get("Call-ID") == callID && m.CSeq() == seq })
		if err != nil {
			d.t.Fatal(err)
		}
		return answer
	}
	answer := send(1, "")
	if s := answer.Status(); s == 401 || s == 407 {
		c, err := answer.Challenge("MD5")
		if err != nil {
			d.t.Fatal(err)
		}
		uri := "sip:" + user + "@example.com"
		response := c.Response(wire.Proof{User: user, Password: password, Method: "SUBSCRIBE", URI: uri, QOP: "auth", NC: "00000001", CNonce: "c"})
		name := map[int]string{401: "Authorization", 407: "Proxy-Authorization"}[s]
		answer = send(2, fmt.Sprintf("%s: Digest username=\"%s\",realm=\"%s\",nonce=\"%s\",uri=\"%s\",response=\"%s\",algorithm=MD5,qop=auth,nc=00000001,cnonce=\"c\"\r\n",
			name, user, c.Realm, c.Nonce, uri, response))
	}
	if answer.Status() >= 300 {
		return answer.Status(), ""
	}
	return answer.Status(), d.notified(event)
}

// notified waits for a NOTIFY, answers it, and returns its body.
func (d *desk) notified(event string) string {
	d.t.Helper()
	m, err := d.next(func(m *wire.Message) bool {
		return m.IsRequest() && m.Method() == "NOTIFY" && strings.HasPrefix(m.Get("Event"), event)
	})
	if err != nil {
		d.t.Fatalf("waiting for a NOTIFY of %s: %v", event, err)
	}
	d.answer(m, "200 OK", "")
	return string(m.Body)
}

func (d *desk) next(fits func(*wire.Message) bool) (*wire.Message, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), harness.Patience)
	defer cancel()
	return d.end.Next(ctx, fits)
}

// plain is a device at the desk of a user with a password of his own.
func (o *office) plain(t *testing.T) *desk {
	t.Helper()
	return &desk{o: o, t: t, end: o.end(t)}
}

func (o *office) password(user string) string {
	o.t.Helper()
	password, err := o.Directory().SetPassword(o.t.Context(), rtc.AOR("sip:"+user+"@example.com"), "")
	if err != nil {
		o.t.Fatal(err)
	}
	return password
}

// TestFeatures: a phone changes do-not-disturb and forwarding, which counts for the
// server; what is changed elsewhere is told to the phone; nobody changes what is
// another's.
func TestFeatures(t *testing.T) {
	o := newOffice(t, overUDP)
	o.user("alice")
	o.user("bob")
	password := o.password("alice")
	d := o.plain(t)
	code, body := d.subscribe("alice", password, "as-feature-event", "application/x-as-feature-event+xml", "")
	if code != 200 || !strings.Contains(body, "<doNotDisturbOn>false<") || strings.Count(body, "<forwardStatus>false<") != 3 {
		t.Fatalf("%d %s", code, body)
	}
	other := o.plain(t)
	code, body = other.subscribe("alice", password, "as-feature-event", "application/x-as-feature-event+xml",
		`<?xml version="1.0"?><SetDoNotDisturb xmlns="http://www.ecma-international.org/standards/ecma-323/csta/ed3"><device/><doNotDisturbOn>true</doNotDisturbOn></SetDoNotDisturb>`)
	if code != 200 || !strings.Contains(body, "<doNotDisturbOn>true<") || !o.CallSettings().Of("sip:alice@example.com").DoNotDisturb {
		t.Errorf("%d %s", code, body)
	}
	if body := d.notified("as-feature-event"); !strings.Contains(body, "<doNotDisturbOn>true<") {
		t.Errorf("the other phone is told %s", body)
	}
	if _, err := o.CallSettings().Change(t.Context(), "sip:alice@example.com", func(u *settings.User) error { u.NoAnswer, u.RingTime = "bob", 18*time.Second; return nil }); err != nil {
		t.Fatal(err)
	}
	if body := d.notified("as-feature-event"); !strings.Contains(body, "forwardNoAns</forwardingType><forwardStatus>true</forwardStatus><forwardTo>bob</forwardTo><ringCount>3<") {
		t.Errorf("changed at the server, the phone is told %s", body)
	}
	for _, c := range []struct {
		what, user, password, body string
		want                       int
	}{
		{"a body that says nothing", "alice", password, "<x/>", 400},
		{"a number that leads to oneself", "alice", password, "<SetForwarding><forwardingType>forwardImmediate</forwardingType><activateForward>true</activateForward><forwardDN>alice</forwardDN></SetForwarding>", 403},
	} {
		if code, _ := o.plain(t).subscribe(c.user, c.password, "as-feature-event", "application/x-as-feature-event+xml", c.body); code != c.want {
			t.Errorf("%s: %d, want %d", c.what, code, c.want)
		}
	}
}

// TestPlugAndPlay: a phone out of the box asks by multicast, here by a copy to our
// address, and is told where its files are; who sits elsewhere is not.
func TestPlugAndPlay(t *testing.T) {
	o := newOffice(t, func(c *config.Config) { overUDP(c); c.Phones.PnP = "127.0.0.1" })
	for _, c := range []struct{ event, mac, want string }{
		{`ua-profile;profile-type="device";vendor="Yealink";model="T53W";version="96.84"`, "001565000001", `^https://[^/]+/$`},
		{`ua-profile;profile-type="device";vendor="snom";model="snom320";version="8.4.18"`, "000413000001", `^https://[^/]+/000413000001\.xml$`},
	} {
		d := o.plain(t)
		m := fmt.Sprintf("SUBSCRIBE sip:MAC%%3a%s@224.0.1.75 SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport\r\nFrom: <sip:MAC%%3a%s@224.0.1.75>;tag=77\r\nTo: <sip:MAC%%3a%s@224.0.1.75>\r\n"+
			"Call-ID: pnp-%s\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:MAC%%3a%s@%s>\r\nEvent: %s\r\nExpires: 0\r\nAccept: application/url\r\nContent-Length: 0\r\n\r\n",
			c.mac, d.end.Local, c.mac, c.mac, c.mac, c.mac, d.end.Local, c.event)
		if err := d.end.Send([]byte(m)); err != nil {
			t.Fatal(err)
		}
		if answer, err := d.next(func(m *wire.Message) bool { return m.Status() > 0 }); err != nil || answer.Status() != 200 {
			t.Fatalf("%v %v", answer, err)
		}
		if body := d.notified("ua-profile"); !regexp.MustCompile(c.want).MatchString(body) {
			t.Errorf("it is told %q, want %s", body, c.want)
		}
	}
	far := newOffice(t, func(c *config.Config) {
		overUDP(c)
		c.Phones.PnP, c.Phones.Networks = "127.0.0.1", []string{"192.0.2.0/24"}
	})
	d := far.plain(t)
	m := fmt.Sprintf("SUBSCRIBE sip:MAC%%3a001565000001@224.0.1.75 SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport\r\nFrom: <sip:a@x>;tag=77\r\nTo: <sip:a@x>\r\nCall-ID: far\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:a@%s>\r\nEvent: ua-profile\r\nContent-Length: 0\r\n\r\n", d.end.Local, d.end.Local)
	if err := d.end.Send([]byte(m)); err != nil {
		t.Fatal(err)
	}
	if answer, err := d.next(func(m *wire.Message) bool { return m.Status() > 0 }); err != nil || answer.Status() != 403 {
		t.Errorf("from elsewhere: %v %v", answer, err)
	}
}

// TestSharedLine: two phones with one line both ring, and show the same messages.
func TestSharedLine(t *testing.T) {
	o := newOffice(t, overUDP)
	o.user("sales")
	o.user("bob")
	one, two := o.place(t, "yealink", "001565000001", "sales"), o.place(t, "cisco-7960", "000532000002", "sales")
	bob := o.place(t, "snom", "000413000001", "bob")
	rings := make(chan error, 2)
	for _, d := range []*desk{one, two} {
		go func() {
			call, err := d.Incoming(t.Context())
			if err == nil {
				err = call.Ring()
			}
			if err == nil {
				err = call.GivenUp(t.Context())
			}
			rings <- err
		}()
	}
	if err := bob.GiveUp(t.Context(), "sip:sales@example.com"); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-rings; err != nil {
			t.Error(err)
		}
	}
}

// TestSoftphone: who opens a link first gets a device with which a softphone
// registers; the second gets nothing, and nobody in the clear.
func TestSoftphone(t *testing.T) {
	o := newOffice(t, overUDP)
	o.user("alice")
	r := harness.SocketClient(t, o.Server).Do("POST", "/users/alice/softphone", "")
	link, _ := r.Body["link"].(string)
	_, path, ok := strings.Cut(link, "/softphone/")
	if r.Code != 201 || !ok {
		t.Fatalf("%d %s", r.Code, r.Text)
	}
	if code, _ := o.ask("http", "softphone/"+path, ""); code != 404 {
		t.Errorf("in the clear: %d", code)
	}
	code, text := o.ask("https", "softphone/"+path, "Linphone")
	password := between(text, `<entry name="passwd" overwrite="true">`, "<")
	if code != 200 || password == "" || !strings.Contains(text, "example.com") {
		t.Fatalf("%d %s", code, text)
	}
	if code, _ := o.ask("https", "softphone/"+path, "Linphone"); code != 404 {
		t.Errorf("the second time: %d", code)
	}
	end := o.end(t)
	who := device.Identity{User: "alice", Password: password, Domain: "example.com"}
	if err := device.New(o.dialect(t, "plain"), end, who, harness.Patience).Register(t.Context()); err != nil {
		t.Error(err)
	}
	if strings.Contains(o.log.String(), password) || strings.Contains(o.log.String(), path) {
		t.Error("the log has the password or the link")
	}
}
