package phones

import (
	"context"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/interop/wire"
	"tandem/sipphone"
	"tandem/test/harness"
)

// info waits for a NOTIFY of call-info in which a text stands, or whose Call-Info it is
// when it begins with the line, and answers it and those before.
func (d *desk) info(t *testing.T, want string) {
	t.Helper()
	for {
		m, err := d.next(func(m *wire.Message) bool {
			return m.IsRequest() && m.Method() == "NOTIFY" && (m.Get("Event") == "call-info" || m.Get("Event") == "line-seize")
		})
		if err != nil {
			for _, r := range d.end.Records() {
				t.Logf("%s sent=%t\n%s", r.At.Format("15:04:05.000"), r.Sent, r.Bytes)
			}
			t.Fatalf("%s waits for %q: %v", d.mac, want, err)
		}
		d.answer(m, "200 OK", "")
		line := strings.Join(m.Values("Call-Info"), ",")
		if len(m.Body) == 0 && (line == want || want[0] != '<' && strings.Contains(line, want)) {
			return
		}
	}
}

// TestSharedLineAppearances: two phones share a line. One seizes an appearance: the
// other is shown that, and cannot have the same. It dials: progressing, then active,
// with whom; it hangs up: idle. A call from a phone that seized nothing shows, too, and
// so does one that rings.
func TestSharedLineAppearances(t *testing.T) {
	o := newOffice(t, func(c *config.Config) { overUDP(c); c.Telephony.AllCalls = true })
	for _, u := range []string{"sales", "bob"} {
		o.user(u)
	}
	one, two := o.place(t, "polycom", "0004f2000001", "sales"), o.place(t, "polycom", "0004f2000002", "sales")
	for _, mac := range []sipphone.MAC{"0004f2000001", "0004f2000002"} {
		if _, err := o.Phones().Inventory.Change(t.Context(), mac, func(p *sipphone.Phone) error {
			p.Lines[0].Shared = true
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	bob := o.place(t, "snom", "000413000001", "bob")
	for _, d := range []*desk{one, two} {
		if m := d.watch(t, "sales", "call-info", "message/sipfrag", ""); m.Get("Call-Info") != "<sip:sales@example.com>;appearance-index=*;appearance-state=idle" || len(m.Body) != 0 {
			t.Errorf("%q %s", m.Get("Call-Info"), m.Body)
		}
	}
	seize := func(d *desk, index string) *wire.Message {
		answer, err := d.Ask(t.Context(), "SUBSCRIBE", "sip:sales@example.com", "Event: line-seize\r\nExpires: 15\r\nCall-Info: <sip:sales@example.com>;appearance-index="+index+"\r\n", "")
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	if m := seize(one, "2"); m.Status() != 200 || m.Get("Expires") != "15" {
		t.Fatalf("%s, Expires %s", m.Start, m.Get("Expires"))
	}
	one.info(t, "appearance-index=2;appearance-state=seized")
	two.info(t, "appearance-index=2;appearance-state=seized")
	if m := seize(two, "2"); m.Status() != 480 {
		t.Errorf("the same appearance again: %s", m.Start)
	}
	near, far := o.connect(t, one.Device, bob, "sip:bob@example.com")
	two.info(t, `appearance-index=2;appearance-state=active;appearance-uri="<sip:bob@example.com>"`)
	hangUp(t, near, far)
	two.info(t, "<sip:sales@example.com>;appearance-index=*;appearance-state=idle")
	near, far = o.connect(t, one.Device, bob, "sip:bob@example.com")
	two.info(t, "appearance-index=1;appearance-state=active")
	hangUp(t, near, far)
	if m := seize(bob, "1"); m.Status() != 403 {
		t.Errorf("another user seizes the line: %s", m.Start)
	}
}

const salesPlace = "Call-Info: <sip:sales@example.com>;appearance-index="

// share is an office in which two phones share the line of sales and watch it, and bob
// has one of his own.
func share(t *testing.T) (o *office, one, two, bob *desk) {
	t.Helper()
	o = newOffice(t, func(c *config.Config) { overUDP(c); c.Telephony.AllCalls = true })
	for _, u := range []string{"sales", "bob"} {
		o.user(u)
	}
	one, two = o.place(t, "polycom", "0004f2000001", "sales"), o.place(t, "polycom", "0004f2000002", "sales")
	for _, d := range []*desk{one, two} {
		if _, err := o.Phones().Inventory.Change(t.Context(), sipphone.MAC(d.mac), func(p *sipphone.Phone) error {
			p.Lines[0].Shared = true
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []*desk{one, two} {
		d.watch(t, "sales", "call-info", "message/sipfrag", "")
	}
	return o, one, two, o.place(t, "snom", "000413000001", "bob")
}

func (d *desk) seize(t *testing.T, index string) int {
	t.Helper()
	m, err := d.Ask(t.Context(), "SUBSCRIBE", "sip:sales@example.com", "Event: line-seize\r\nExpires: 15\r\n"+salesPlace+index+"\r\n", "")
	if err != nil {
		t.Fatal(err)
	}
	return m.Status()
}

// TestSharedLineDials: two phones of a line have each seized an appearance. A call is
// shown at the one that its INVITE names, not at the one that was seized first.
func TestSharedLineDials(t *testing.T) {
	_, one, two, bob := share(t)
	if a, b := one.seize(t, "1"), two.seize(t, "2"); a != 200 || b != 200 {
		t.Fatalf("seizing: %d, %d", a, b)
	}
	answered := doing(func() {
		if far, err := bob.Incoming(t.Context()); err != nil || far.Answer(t.Context()) != nil {
			t.Errorf("bob is called: %v", err)
		}
	})
	near, err := two.Dial(t.Context(), "sip:bob@example.com", salesPlace+"2")
	answered()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	one.info(t, `appearance-index=1;appearance-state=seized,<sip:sales@example.com>;appearance-index=2;appearance-state=active;appearance-uri="<sip:bob@example.com>"`)
}

// TestSharedLineResumes: a call rings at both phones of a line, at an appearance that
// the INVITE names. One answers and puts it on hold; the other seizes the appearance,
// calls its own line there, and has the call: the first is hung up, and the same
// appearance goes on. Where a call goes on, nobody breaks in.
func TestSharedLineResumes(t *testing.T) {
	o, one, two, bob := share(t)
	rings := doing(func() {
		if in, err := two.Incoming(t.Context()); err != nil || !strings.HasSuffix(salesPlace+"1", in.Header("Call-Info")) || in.Header("Call-Info") == "" {
			t.Errorf("the second phone rings at %q, %v", in.Header("Call-Info"), err)
		} else if err = in.Ring(); err == nil {
			_ = in.GivenUp(t.Context())
		}
	})
	bobs, ones := o.connect(t, bob.Device, one, "sip:sales@example.com")
	rings()
	two.info(t, `appearance-index=1;appearance-state=active;appearance-uri="<sip:bob@example.com>"`)
	if _, err := two.Dial(t.Context(), "sip:sales@example.com", salesPlace+"1"); err == nil || !strings.Contains(err.Error(), "480") {
		t.Errorf("breaking in: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	agrees := doing(func() { // bob is offered what changes
		for ctx.Err() == nil {
			_, _ = bobs.Proposed(ctx, false)
		}
	})
	if err := ones.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	two.info(t, "appearance-index=1;appearance-state=held")
	if code := two.seize(t, "1"); code != 200 {
		t.Errorf("seizing what is on hold: %d", code)
	}
	left := doing(func() {
		if err := ones.HungUp(t.Context()); err != nil {
			t.Errorf("the first phone is not hung up: %v", err)
		}
	})
	twos, err := two.Dial(t.Context(), "sip:sales@example.com", salesPlace+"1")
	if err != nil {
		t.Fatal(err)
	}
	defer twos.Close()
	left()
	two.info(t, `appearance-index=1;appearance-state=active;appearance-uri="<sip:bob@example.com>"`)
	if !harness.Holds(func() bool { return o.Exchange().Active() == 1 }) {
		t.Errorf("%d calls", o.Exchange().Active())
	}
	stop()
	agrees()
	over := doing(func() { _ = twos.HungUp(t.Context()) })
	if err := bobs.HangUp(t.Context()); err != nil {
		t.Error(err)
	}
	over()
	two.info(t, "<sip:sales@example.com>;appearance-index=*;appearance-state=idle")
	if !harness.Holds(func() bool { return o.Exchange().Active() == 0 }) {
		t.Error("the call does not end")
	}
}
