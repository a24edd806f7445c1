package phones

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/interop/boot"
	"tandem/interop/device"
	"tandem/interop/voice"
	"tandem/interop/wire"
	"tandem/rtc"
	"tandem/sipphone"
	"tandem/test/harness"
)

// desk is a phone on a desk: it boots, registers its first line, and hears what
// is sent to it.
type desk struct {
	o    *office
	t    *testing.T
	mac  string
	kind *boot.Phone
	*device.Device
	end  *wire.Endpoint
	user string
}

// place puts a phone of a family on a desk.
func (o *office) place(t *testing.T, family, mac string, users ...string) *desk {
	t.Helper()
	o.phone(mac, family, nil, users...)
	phones := boot.Phones()
	d := &desk{o: o, t: t, mac: mac, kind: &phones[slices.IndexFunc(phones, func(p boot.Phone) bool { return p.Family == family })]}
	d.boot()
	return d
}

// write writes a file below the folder of phones.
func (o *office) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(o.Config().Data, "phones", name)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// boot fetches the files and registers with what they hold.
func (d *desk) boot() {
	d.t.Helper()
	setup, err := d.kind.Boot(d.t.Context(), d.mac, d.o.get(d.kind, d.mac))
	if err != nil {
		d.t.Fatal(err)
	}
	a := setup.Accounts[0]
	d.user = a.User
	d.end = d.o.end(d.t)
	d.Device = device.New(d.o.dialect(d.t, d.kind.Dialect), d.end, device.Identity{User: a.User, Password: a.Password, Domain: a.Domain}, harness.Patience)
	if err := d.Register(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
}

func (o *office) end(t *testing.T) *wire.Endpoint {
	t.Helper()
	local := netip.MustParseAddr("127.0.0.1")
	end, err := wire.Open(t.Context(), "UDP", local, netip.AddrPortFrom(local, uint16(o.Phones().Place().Ports["udp"])), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end.Close)
	return end
}

func (o *office) dialect(t *testing.T, name string) *device.Dialect {
	t.Helper()
	list, err := device.Dialects()
	if err != nil {
		t.Fatal(err)
	}
	return list[slices.IndexFunc(list, func(d *device.Dialect) bool { return d.Name == name })]
}

// told waits for a NOTIFY, answers it, and returns it.
func (d *desk) told(event string) *wire.Message {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), harness.Patience)
	defer cancel()
	m, err := d.end.Next(ctx, func(m *wire.Message) bool { return m.IsRequest() && m.Method() == "NOTIFY" })
	if err != nil {
		d.t.Fatalf("%s waits for %s: %v", d.user, event, err)
	}
	if m.Get("Event") != event {
		d.t.Fatalf("%s is told %q, want %q", d.user, m.Get("Event"), event)
	}
	d.answer(m, "200 OK", "")
	return m
}

func (d *desk) answer(m *wire.Message, status, more string) {
	d.t.Helper()
	var b strings.Builder
	b.WriteString("SIP/2.0 " + status + "\r\n")
	for _, v := range m.Values("Via") {
		b.WriteString("Via: " + v + "\r\n")
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s;tag=d\r\nCall-ID: %s\r\nCSeq: %s\r\n%sContent-Length: 0\r\n\r\n", m.Get("From"), m.Get("To"), m.Get("Call-ID"), m.Get("CSeq"), more)
	if err := d.end.Reply(m, []byte(b.String())); err != nil {
		d.t.Error(err)
	}
}

// do has the API do something while a phone is told, and wants it to succeed.
func (o *office) do(t *testing.T, method, path, body string) {
	t.Helper()
	if r := harness.SocketClient(t, o.Server).Do(method, path, body); r.Code >= 300 {
		t.Errorf("%s %s: %d %s", method, path, r.Code, r.Text)
	}
}

// doing runs something beside the test, which joins it.
func doing(f func()) (done func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f()
	}()
	return func() { <-ended }
}

func overUDP(c *config.Config) { c.Phones.Transport = "udp" }

// TestResyncByFamily: each family is told in its own words, with its own spelling
// of the event, and Cisco's with the Call-ID of its registration.
func TestResyncByFamily(t *testing.T) {
	o := newOffice(t, func(c *config.Config) { overUDP(c); c.Registrar.MaxBindings = 32 })
	o.user("alice")
	for i, c := range []struct{ family, resync, reboot, body string }{
		{"cisco-7960", "check-sync", "check-sync", ""},
		{"cisco-enterprise", "service-control", "service-control", "action=reset\r\nRegisterCallId={"},
		{"cisco-spa", "resync", "reboot", ""},
		{"cisco-mpp", "resync", "restart_now", ""},
		{"polycom", "check-sync", "check-sync", ""},
		{"yealink", "check-sync;reboot=false", "check-sync;reboot=true", ""},
		{"snom", "check-sync;reboot=false", "check-sync;reboot=true", ""},
		{"grandstream", "check-sync;reboot=false", "check-sync;reboot=true", ""},
		{"fanvil", "check-sync", "check-sync;reboot=true", ""},
		{"patton", "check-sync", "", ""},
		{"gigaset", "check-sync", "check-sync;reboot=true", ""},
	} {
		t.Run(c.family, func(t *testing.T) {
			d := o.place(t, c.family, fmt.Sprintf("0004f20001%02x", i), "alice")
			wait := doing(func() { o.do(t, "POST", "/phones/"+d.mac+"/resync", "") })
			m := d.told(c.resync)
			wait()
			if !strings.HasPrefix(string(m.Body), c.body) || (c.body == "") != (len(m.Body) == 0) {
				t.Errorf("body %q", m.Body)
			}
			if c.body != "" && (!strings.Contains(string(m.Body), "{"+d.registration()+"}") || m.Get("Subscription-State") != "active") {
				t.Errorf("it does not name the registration: %s %s", m.Get("Subscription-State"), m.Body)
			}
			if c.reboot == "" {
				if r := harness.SocketClient(t, o.Server).Do("POST", "/phones/"+d.mac+"/reboot", ""); r.Code != 422 {
					t.Errorf("reboot: %d %s", r.Code, r.Text)
				}
				return
			}
			wait = doing(func() { o.do(t, "POST", "/phones/"+d.mac+"/reboot", "") })
			d.told(c.reboot)
			wait()
		})
	}
}

// registration is the Call-ID the phone registered with.
func (d *desk) registration() string {
	for _, r := range d.end.Records() {
		if strings.HasPrefix(string(r.Bytes), "REGISTER ") {
			m, err := wire.Parse(r.Bytes)
			if err == nil {
				return m.Get("Call-ID")
			}
		}
	}
	return "?"
}

// TestMessagesWaiting: each phone is told in the form it reads: those that
// subscribe nothing by themselves, without the counts they refuse.
func TestMessagesWaiting(t *testing.T) {
	o := newOffice(t, overUDP)
	o.user("alice")
	old := o.place(t, "cisco-7960", "000532000001", "alice")
	wait := doing(func() { o.do(t, "PUT", "/users/alice/waiting", `{"new":2,"old":8,"urgent_new":1}`) })
	m := old.told("message-summary")
	wait()
	want := "Messages-Waiting: yes\r\nMessage-Account: sip:alice@example.com\r\nVoice-Message: 2/8\r\n"
	if string(m.Body) != want || m.Get("Content-Type") != "application/simple-message-summary" {
		t.Errorf("%s %q", m.Get("Content-Type"), m.Body)
	}
	o.do(t, "PUT", "/users/alice/waiting", `{"new":2,"old":8,"urgent_new":1}`) // no change, no notice
	wait = doing(func() { o.do(t, "PUT", "/users/alice/waiting", `{"new":0,"old":0}`) })
	if m := old.told("message-summary"); !strings.HasPrefix(string(m.Body), "Messages-Waiting: no\r\n") {
		t.Errorf("%q", m.Body)
	}
	wait()
}

// TestCallerByFamily: a led call tells each phone who calls in the header it
// reads; a device that is no phone of ours is told nothing more than From.
func TestCallerByFamily(t *testing.T) {
	o := newOffice(t, func(c *config.Config) { overUDP(c); c.Telephony.AllCalls = true })
	for _, u := range []string{"alice", "bob", "carol", "dave"} {
		o.user(u)
	}
	caller := o.place(t, "yealink", "001565000001", "dave")
	for _, c := range []struct{ family, mac, user, asserted, remote string }{
		{"yealink", "001565000002", "alice", `<sip:dave@example.com>`, ""},
		{"cisco-7960", "000532000002", "bob", "", `<sip:dave@example.com>;party=calling;id-type=subscriber;privacy=off;screen=yes`},
	} {
		d := o.place(t, c.family, c.mac, c.user)
		ctx, cancel := context.WithCancel(t.Context())
		wait := doing(func() {
			if call, err := caller.Dial(ctx, "sip:"+c.user+"@example.com"); err == nil {
				call.Close()
			}
		})
		m, err := d.end.Next(t.Context(), func(m *wire.Message) bool { return m.Method() == "INVITE" && m.IsRequest() })
		if err != nil {
			t.Fatal(err)
		}
		d.answer(m, "486 Busy Here", "")
		wait()
		cancel()
		if a, r := m.Get("P-Asserted-Identity"), m.Get("Remote-Party-ID"); !strings.HasSuffix(a, c.asserted) || (c.asserted == "") != (a == "") || !strings.HasSuffix(r, c.remote) || (c.remote == "") != (r == "") {
			t.Errorf("%s is told P-Asserted-Identity %q, Remote-Party-ID %q", c.family, a, r)
		}
	}
}

// TestHotdesking: alice is logged in at one phone and in a call. She dials the code
// at another: the call goes on, with sound in both directions; new calls ring at the
// other phone alone; the first one has its own line again. A wrong PIN, and a device
// that is no phone of ours, change nothing; no record has the PIN.
func TestHotdesking(t *testing.T) {
	t.Parallel() // it waits
	o := newOffice(t, overUDP)
	for _, u := range []string{"alice", "bob", "first", "second"} {
		o.user(u)
	}
	const firstMAC, secondMAC = "001565000001", "001565000002"
	bob := o.place(t, "snom", "000413000001", "bob")
	first, second := o.place(t, "yealink", firstMAC, "first"), o.place(t, "yealink", secondMAC, "second")
	o.login(t, first, nil, "alice")
	if first.user != "alice" {
		t.Fatalf("the first phone is %s's", first.user)
	}
	held := first.Device // the call stays with what is registered now
	call, far := o.connect(t, held, bob, "sip:bob@example.com")
	heard(t, call, far)

	r := harness.SocketClient(t, o.Server).Do("POST", "/users/alice/phone-pin", "")
	pin, _ := r.Body["pin"].(string)
	if r.Code != 201 || len(pin) != 6 {
		t.Fatalf("%d %s", r.Code, r.Text)
	}
	second.dialCode(t, "*11*alice*"+wrong(pin)+"#")
	laptop := o.laptop(t, "bob")
	laptop.dialCode(t, "*11*alice*"+pin+"#")
	refused := func() bool { return strings.Count(o.log.String(), "a setting dialled was refused") == 2 }
	if p, _ := o.Phones().Inventory.Get(secondMAC); !harness.Holds(refused) || len(p.Guest) != 0 {
		t.Errorf("a wrong PIN, or one dialled elsewhere, logs in: %+v", p)
	}
	second.dialCode(t, "*11*alice*"+pin+"#", first, second)
	if first.user != "first" || second.user != "alice" {
		t.Errorf("the first phone is %s's, the second %s's", first.user, second.user)
	}
	heard(t, call, far)
	if p, _ := o.Phones().Inventory.Get(firstMAC); len(p.Guest) != 0 || p.Lines[0].User != "sip:first@example.com" {
		t.Errorf("first %+v", p)
	}
	again, ring := o.connect(t, bob.Device, second, "sip:alice@example.com")
	heard(t, again, ring)
	hangUp(t, again, ring)
	hangUp(t, call, far)
	second.dialCode(t, "#11#", second)
	if log := o.log.String(); strings.Contains(log, pin) {
		t.Error("the log has the PIN")
	}
	if r := harness.SocketClient(t, o.Server).Do("GET", "/call-records", ""); r.Code != 200 || strings.Contains(r.Text, pin) || !strings.Contains(r.Text, "*11*alice*") {
		t.Errorf("records: %d, with the PIN: %v", r.Code, strings.Contains(r.Text, pin))
	}
	if p, _ := o.Phones().Inventory.Get(sipphone.MAC(secondMAC)); p.Lines[0].User != "sip:second@example.com" {
		t.Errorf("after the logout the second phone has %+v", p.Lines)
	}
}

// wrong is another PIN.
func wrong(pin string) string { return pin[1:] + string('0'+(pin[0]-'0'+1)%10) }

// dialCode dials a code, whose # is escaped in a URI, and hangs up. The phones named
// are told to fetch their files, and boot with them.
func (d *desk) dialCode(t *testing.T, code string, told ...*desk) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*harness.Patience)
	defer cancel()
	call, err := d.Dial(ctx, "sip:"+strings.ReplaceAll(code, "#", "%23")+"@example.com")
	if err != nil {
		t.Fatal(err)
	}
	defer call.Close()
	for _, x := range told {
		x.told("check-sync;reboot=false")
	}
	if err := call.HangUp(ctx); err != nil {
		t.Fatal(err)
	}
	for _, x := range told {
		x.boot()
	}
}

// laptop is a registered device of a user that is no phone of ours.
func (o *office) laptop(t *testing.T, user string) *desk {
	t.Helper()
	_, password, err := o.Directory().AddDevice(t.Context(), rtc.AOR("sip:"+user+"@example.com"), "laptop")
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{o: o, t: t, user: user, end: o.end(t)}
	d.Device = device.New(o.dialect(t, "plain"), d.end, device.Identity{User: user, Password: password, Domain: "example.com"}, harness.Patience)
	if err := d.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// login logs a user in; the phones are told, and boot with what they get.
func (o *office) login(t *testing.T, at, left *desk, user string) {
	t.Helper()
	wait := doing(func() { o.do(t, "POST", "/phones/"+at.mac+"/login", `{"user":"`+user+`"}`) })
	if left != nil {
		left.told("check-sync;reboot=false")
	}
	at.told("check-sync;reboot=false")
	wait()
	if left != nil {
		left.boot()
	}
	at.boot()
}

// connect calls and has the other side answer.
func (o *office) connect(t *testing.T, from *device.Device, to *desk, uri string) (near, far *device.Call) {
	t.Helper()
	wait := doing(func() {
		var err error
		if far, err = to.Incoming(t.Context()); err != nil {
			t.Error(err)
			return
		}
		if err = far.Ring(); err == nil {
			err = far.Answer(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
	})
	near, err := from.Dial(t.Context(), uri)
	wait()
	if err != nil || far == nil {
		t.Fatal(err)
	}
	t.Cleanup(near.Close)
	t.Cleanup(far.Close)
	return near, far
}

// heard: both sides hear each other.
func heard(t *testing.T, a, b *device.Call) {
	t.Helper()
	var atA, atB voice.Heard
	var errA, errB error
	wait := doing(func() { atA, errA = a.Talk(t.Context(), 440) })
	atB, errB = b.Talk(t.Context(), 700)
	wait()
	near := func(h voice.Heard, freq float64) bool { return h.Packet > 20 && math.Abs(h.Freq-freq) < 5 }
	if errA != nil || errB != nil || !near(atA, 700) || !near(atB, 440) {
		t.Errorf("sound: %+v %v, %+v %v", atA, errA, atB, errB)
	}
}

// hangUp ends a call from one side and wants the other to hear of it.
func hangUp(t *testing.T, by, other *device.Call) {
	t.Helper()
	var err error
	wait := doing(func() { err = other.HungUp(t.Context()) })
	if err := by.HangUp(t.Context()); err != nil {
		t.Error(err)
	}
	wait()
	if err != nil {
		t.Error(err)
	}
}

// TestPaging: a member of a group dials *81GROUP: the phones of the others are asked
// to answer by themselves and hear him; he hears nobody. Who is no member may not.
func TestPaging(t *testing.T) {
	t.Parallel() // it waits
	o := newOffice(t, overUDP)
	for _, u := range []string{"alice", "bob", "carol", "eve"} {
		o.user(u)
	}
	o.do(t, "POST", "/groups", `{"name":"staff","members":["alice","bob","carol"]}`)
	alice, eve := o.place(t, "yealink", "001565000001", "alice"), o.place(t, "yealink", "001565000004", "eve")
	if _, err := eve.Dial(t.Context(), "sip:*81staff@example.com"); !errors.Is(err, device.ErrRefused) {
		t.Errorf("who is no member: %v", err)
	}
	type listener struct {
		*desk
		call *device.Call
	}
	paged := []*listener{{desk: o.place(t, "snom", "000413000002", "bob")}, {desk: o.place(t, "polycom", "0004f2000003", "carol")}}
	var answered sync.WaitGroup
	for _, p := range paged {
		answered.Go(func() {
			call, err := p.Incoming(t.Context())
			if err == nil {
				err = call.Answer(t.Context())
			}
			if err != nil {
				t.Error(err)
				return
			}
			p.call = call
			t.Cleanup(call.Close)
			for _, r := range p.end.Records() {
				if text := string(r.Bytes); strings.HasPrefix(text, "INVITE ") && (!strings.Contains(text, "\r\nAlert-Info: ") || !strings.Contains(text, "\r\nAnswer-Mode: Auto\r\n")) {
					t.Errorf("%s is not asked to answer by itself:\n%s", p.user, text)
				}
			}
		})
	}
	page, err := alice.Dial(t.Context(), "sip:*81staff@example.com")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(page.Close)
	answered.Wait()
	var talk sync.WaitGroup
	for _, p := range paged {
		talk.Go(func() {
			if h, err := p.call.Talk(t.Context(), 700); err != nil || !h.Is(440) {
				t.Errorf("%s hears %v %v", p.user, h, err)
			}
		})
	}
	if h, err := page.Talk(t.Context(), 440); err != nil || h.Is(700) {
		t.Errorf("who pages hears %v %v", h, err)
	}
	talk.Wait()
	for _, p := range paged {
		talk.Go(func() {
			if err := p.call.HungUp(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	if err := page.HangUp(t.Context()); err != nil {
		t.Error(err)
	}
	talk.Wait()
	if !harness.Holds(func() bool { return o.Exchange().Active() == 0 }) {
		t.Error("calls are left")
	}
}

// TestLastContact: a phone is shown with the time at which it last registered, a
// refresh included, apart from that at which it asked for a file.
func TestLastContact(t *testing.T) {
	o := newOffice(t, overUDP)
	o.user("alice")
	d := o.place(t, "yealink", "001565000001", "alice")
	socket := harness.SocketClient(t, o.Server)
	shown := func(after time.Time) (s struct{ Fetched, Registered time.Time }) {
		if !harness.Holds(func() bool {
			err := json.Unmarshal([]byte(socket.Do("GET", "/phones/"+d.mac, "").Text), &s)
			return err == nil && s.Registered.After(after)
		}) {
			t.Fatalf("not registered after %s: %+v", after, s)
		}
		return s
	}
	first := shown(time.Time{})
	if first.Fetched.IsZero() {
		t.Errorf("it asked for files: %+v", first)
	}
	if err := d.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := shown(first.Registered); !again.Fetched.Equal(first.Fetched) {
		t.Errorf("fetched at %s, and %s after it registered again", first.Fetched, again.Fetched)
	}
}
