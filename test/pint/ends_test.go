package pint

import (
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/pint"
	"tandem/pint/service"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// pintCall is a call of R2C under way: alice is B and called first, the number A.
type pintCall struct {
	*harness.Rig
	t              *testing.T
	q              *pintClient
	alice, gateway *harness.Wire
	ok             *sip.Message // answer to the INVITE of the client
	first, second  *sip.Message // INVITEs to B and to A
}

// bRings, bAnswers, aRings and aAnswers go a step.
func (c *pintCall) bRings() {
	c.first = c.alice.Request("INVITE")
	c.alice.Reply(c.first, 180, "b", "", "")
}

func (c *pintCall) bAnswers() {
	c.bRings()
	c.alice.Answer(c.first, 200, "b", 30000)
	c.alice.Request("ACK")
}

func (c *pintCall) aRings() {
	c.bAnswers()
	c.second = c.gateway.Request("INVITE")
	c.gateway.Reply(c.second, 180, "a", "", "")
}

func (c *pintCall) aAnswers() {
	c.aRings()
	c.gateway.Answer(c.second, 200, "a", 30002)
	c.gateway.Request("ACK")
	id := c.id()
	harness.Wait(c.t, "both talk", func() bool {
		s, _ := c.S.PINT().Session(id)
		return s.State == pint.Connected
	})
}

// id is the session's.
func (c *pintCall) id() string {
	contact, _ := c.ok.FirstAddr(sip.HdrContact)
	u, err := sip.ParseURI(contact.URI)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(u.User)
}

// byBYE and byREST have the client end it.
func (c *pintCall) byBYE() {
	c.q.within(c.ok, "BYE", "", "")
	if m := c.q.Final(string(c.ok.CallID()), "BYE"); m.StatusCode() != 200 {
		c.t.Errorf("BYE was answered\n%s", m.Bytes())
	}
}

func (c *pintCall) byREST() {
	if code, out, _ := c.HTTP(c.t, "DELETE", "/pint/calls/"+c.id(), ""); code != 200 {
		c.t.Error(code, out)
	}
	c.told()
}

// told takes the BYE that tells the client of the end.
func (c *pintCall) told() string {
	c.t.Helper()
	m := c.q.Request("BYE")
	c.q.Reply(m, 200, "", "", "")
	return string(m.GetName("Reason"))
}

// cancelled has a telephone that rings be given up, hungUp one that has answered.
func cancelled(w *harness.Wire, invite *sip.Message, tag string) {
	w.T.Helper()
	w.Reply(w.Request("CANCEL"), 200, tag, "", "")
	w.Reply(invite, 487, tag, "", "")
}

func hungUp(w *harness.Wire) { w.T.Helper(); w.Reply(w.Request("BYE"), 200, "", "", "") }

// TestPINTNobodyThere: when a party has no phone, nobody is called, and the session says
// which party it was, whichever is called first.
func TestPINTNobodyThere(t *testing.T) {
	r, q, alice, _ := pintRig(t, func(cfg *config.Config) {
		cfg.PINT.Services = []config.PINTService{{Name: "R2C", Kind: "r2c"}, {Name: "a-first", Kind: "r2c", First: "a"}}
	})
	for _, name := range []string{"R2C", "a-first"} {
		text := q.example(t, "4.9", "R2C@", name+"@", "sip:0345-123456@pint.bt.co.uk;user=phone;phone-context=+44", "sip:eve@"+harness.Domain)
		ok := q.invite(t, text)
		q.plainAck(ok, text)
		if why := (&pintCall{q: q, t: t}).told(); !strings.Contains(why, "SIP;cause=480") || !strings.Contains(why, "calling sip:eve@"+harness.Domain) {
			t.Errorf("%s: the client is told %q", name, why)
		}
		if s, _, err := r.S.PINT().Find(harness.Soon(t), sessionOf(t, ok)); err != nil || s.State != pint.Failed || s.Code != 480 || s.Missed != service.A {
			t.Errorf("%s: %v, session is %s %d %q, missed %q", name, err, s.State, s.Code, s.Info, s.Missed)
		}
	}
	if m, err := alice.Next(50*time.Millisecond, (*sip.Message).IsRequest); err == nil {
		t.Errorf("alice gets\n%s", m.Bytes())
	}
	r.NothingLeft(t)
}

// TestPINTEnds: however a call ends, no leg is left, the client is told, and the session
// says who ended it or who could not be reached.
func TestPINTEnds(t *testing.T) {
	t.Parallel() // its calls ring out
	rings := func(d time.Duration) func(cfg *config.Config) {
		return func(cfg *config.Config) {
			cfg.PINT.Services = []config.PINTService{{Name: "R2C", Kind: "r2c", RingTime: d}}
		}
	}
	for _, row := range []struct {
		name   string
		adjust func(*config.Config)
		run    func(c *pintCall)
		state  pint.State
		code   int
		by     string
		missed service.Leg
	}{
		{"B is busy", nil, func(c *pintCall) {
			c.alice.Reply(c.alice.Request("INVITE"), 486, "b", "", "")
			if why := c.told(); !strings.Contains(why, "SIP;cause=486") {
				c.t.Errorf("the client is told %q", why)
			}
		}, pint.Failed, 486, "", service.B},
		{"A is busy", nil, func(c *pintCall) {
			c.bAnswers()
			c.gateway.Reply(c.gateway.Request("INVITE"), 486, "a", "", "")
			m := c.alice.Request("BYE") // RFC 3725 §6
			if why := string(m.GetName("Reason")); !strings.Contains(why, "SIP;cause=486") {
				c.t.Errorf("B is told %q", why)
			}
			c.alice.Reply(m, 200, "", "", "")
			if why := c.told(); !strings.Contains(why, "SIP;cause=486") {
				c.t.Errorf("the client is told %q", why)
			}
		}, pint.Failed, 486, "", service.A},
		{"B never answers", rings(500 * time.Millisecond), func(c *pintCall) {
			c.bRings()
			cancelled(c.alice, c.first, "b")
			c.told()
		}, pint.Failed, 408, "", service.B},
		{"A never answers", rings(8 * time.Second), func(c *pintCall) {
			c.aRings()
			cancelled(c.gateway, c.second, "a")
			hungUp(c.alice)
			c.told()
		}, pint.Failed, 408, "", service.A},
		{"the gateway is down", nil, func(c *pintCall) {
			c.gateway.Close()
			c.bAnswers()
			hungUp(c.alice)
			c.told()
		}, pint.Failed, 408, "", service.A},
		{"B hangs up before A answers", nil, func(c *pintCall) {
			c.aRings()
			c.alice.Bye(c.first, "b")
			cancelled(c.gateway, c.second, "a")
			c.told()
		}, pint.Failed, 487, "B", service.A},
		{"A is called first, and hangs up before B answers", func(cfg *config.Config) {
			cfg.PINT.Services = []config.PINTService{{Name: "R2C", Kind: "r2c", First: "a"}}
		}, func(c *pintCall) {
			first := c.gateway.Request("INVITE")
			c.gateway.Answer(first, 200, "a", 30002)
			c.gateway.Request("ACK")
			second := c.alice.Request("INVITE")
			c.alice.Reply(second, 180, "b", "", "")
			c.gateway.Bye(first, "a")
			cancelled(c.alice, second, "b")
			c.told()
		}, pint.Failed, 487, "A", service.B},
		{"B hangs up", nil, func(c *pintCall) { c.aAnswers(); c.alice.Bye(c.first, "b"); hungUp(c.gateway); c.told() }, pint.Completed, 200, "B", ""},
		{"A hangs up", nil, func(c *pintCall) { c.aAnswers(); c.gateway.Bye(c.second, "a"); hungUp(c.alice); c.told() }, pint.Completed, 200, "A", ""},
		{"BYE while B rings", nil, func(c *pintCall) { c.bRings(); c.byBYE(); cancelled(c.alice, c.first, "b") }, pint.Cancelled, 487, "requester", ""},
		{"BYE while A rings", nil, func(c *pintCall) { c.aRings(); c.byBYE(); cancelled(c.gateway, c.second, "a"); hungUp(c.alice) }, pint.Cancelled, 487, "requester", ""},
		{"BYE while both talk", nil, func(c *pintCall) { c.aAnswers(); c.byBYE(); hungUp(c.gateway); hungUp(c.alice) }, pint.Completed, 200, "requester", ""},
		{"DELETE while B rings", nil, func(c *pintCall) { c.bRings(); c.byREST(); cancelled(c.alice, c.first, "b") }, pint.Cancelled, 487, "local:", ""},
		{"DELETE while A rings", nil, func(c *pintCall) { c.aRings(); c.byREST(); cancelled(c.gateway, c.second, "a"); hungUp(c.alice) }, pint.Cancelled, 487, "local:", ""},
		{"DELETE while both talk", nil, func(c *pintCall) { c.aAnswers(); c.byREST(); hungUp(c.gateway); hungUp(c.alice) }, pint.Completed, 200, "local:", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := &pintCall{t: t}
			if row.adjust == nil {
				row.adjust = func(*config.Config) {}
			}
			c.Rig, c.q, c.alice, c.gateway = pintRig(t, row.adjust)
			text := c.q.example(t, "4.9")
			c.ok = c.q.invite(t, text)
			c.q.plainAck(c.ok, text)
			row.run(c)
			c.NothingLeft(t)
			if s := pintSession(c.Rig, t); s.State != row.state || s.Code != row.code || !strings.HasPrefix(s.EndedBy, row.by) || (row.by == "") != (s.EndedBy == "") || s.Missed != row.missed {
				t.Errorf("session is %s %d, ended by %q, missed %q; want %s %d %q %q", s.State, s.Code, s.EndedBy, s.Missed, row.state, row.code, row.by, row.missed)
			}
		})
	}
}
