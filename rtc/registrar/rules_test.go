package registrar

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/rtc/sip"
)

// What a request that changes nothing is answered: the steps of RFC 3261 §10.3.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		code  int
		says  string // in reason or header
	}{
		{"unknown user", []string{"To: <sip:nobody@example.com>"}, 404, ""},
		{"foreign domain in To", []string{"To: <sip:alice@example.net>"}, 404, ""},
		{"disabled user", []string{"To: <sip:disabled@example.com>"}, 403, "Disabled"},
		{"To is a telephone number", []string{"To: <tel:+4930123>"}, 400, "SIP URI"},
		{"To of an unknown scheme (unksm2)", []string{"To: isbn:2983792873", "Contact: <name:John_Smith>"}, 400, "SIP URI"},
		{"unknown extension required", []string{"Require: path, x-new, gruu"}, 420, "Unsupported: x-new\r\n"},
		{"contact without brackets but headers (regbadct)", []string{"Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"}, 400, "angle brackets"},
		{"contact at port 0", []string{"Contact: <sip:a@192.0.2.4:0>"}, 400, "Port 0"},
		{"contact does not close", []string{"Contact: <sip:a@192.0.2.4"}, 400, "Contact"},
		{"contact without host", []string{"Contact: <sip:a@>"}, 400, "Contact"},
		{"star without Expires", []string{"Contact: *"}, 400, "Expires: 0"},
		{"star with Expires", []string{"Contact: *", "Expires: 60"}, 400, "Expires: 0"},
		{"star not alone", []string{"Contact: *, <sip:a@192.0.2.4>", "Expires: 0"}, 400, "alone"},
		{"star not alone, other line", []string{"Contact: <sip:a@192.0.2.4>", "Contact: *", "Expires: 0"}, 400, "alone"},
		{"star twice", []string{"Contact: *", "Contact: *", "Expires: 0"}, 400, "alone"},
		{"too brief by parameter", []string{"Contact: <sip:a@192.0.2.4>;expires=59"}, 423, "Min-Expires: 60\r\n"},
		{"too brief by header", []string{"Contact: <sip:a@192.0.2.4>", "Expires: 1"}, 423, "Min-Expires: 60\r\n"},
		{"q above one", []string{"Contact: <sip:a@192.0.2.4>;q=1.001"}, 400, "q"},
		{"q is not a number", []string{"Contact: <sip:a@192.0.2.4>;q=high"}, 400, "q"},
		{"q with four decimals", []string{"Contact: <sip:a@192.0.2.4>;q=0.1234"}, 400, "q"},
		{"contact is a GRUU", []string{"Contact: <sip:alice@example.com;gr=urn:uuid:1>"}, 403, "GRUU"},
		{"reg-id 0", []string{"Supported: outbound", `Contact: <sip:a@192.0.2.4>;+sip.instance="<urn:uuid:1>";reg-id=0`}, 400, "reg-id"},
		{"contact beyond measure", []string{"Contact: <sip:a@192.0.2.4>;x=" + strings.Repeat("y", maxTexts)}, 400, "Too Long"},
		{"behind a proxy without outbound", []string{
			"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKp, SIP/2.0/UDP 192.0.2.4;branch=z9hG4bKq", "Path: <sip:192.0.2.9;lr>",
			"Supported: path, outbound", `Contact: <sip:a@192.0.2.4>;+sip.instance="<urn:uuid:1>";reg-id=1`}, 439, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.register("Contact: <sip:kept@192.0.2.7>", "Call-ID: other")
			a := r.want(r.register(c.lines...), c.code)
			if !strings.Contains(strings.ToLower(a.reason+"\n"+a.header), strings.ToLower(c.says)) {
				t.Errorf("says %q %q, not %q", a.reason, a.header, c.says)
			}
			if list := r.loc.Bindings("sip:alice@example.com"); len(list) != 1 || list[0].URI != "sip:kept@192.0.2.7" {
				t.Errorf("changed the bindings: %v", list)
			}
		})
	}
}

func TestForeignRequestIsLeftToTheProxy(t *testing.T) {
	r := newRig(t, nil)
	for _, uri := range []string{"sip:example.net", "tel:+4930", "mailto:x@example.com"} {
		if a := r.register("URI: "+uri, "Contact: <sip:a@192.0.2.4>"); !a.next {
			t.Errorf("%s: %+v", uri, a)
		}
	}
	if r.loc.Count() != 0 {
		t.Error("bound")
	}
}

func TestUnauthenticatedIsNotServed(t *testing.T) {
	r := newRig(t, nil)
	m := new(sip.Message)
	if err := m.Parse([]byte("REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nTo: <sip:alice@example.com>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@b>\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := r.g.serve(m, nil, r.flow(), nil, nil); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("got %v", err)
	}
}

func TestBindFetchRefreshRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.contacts(r.register())
		a := r.register("Contact: \"A\" <sip:a@192.0.2.4>;q=0.5;x", "Expires: 600")
		r.contacts(a, `"A" <sip:a@192.0.2.4>;q=0.5;x;expires=600`)
		if !strings.Contains(a.header, "\r\nDate: ") || !strings.Contains(a.header, " GMT\r\n") {
			t.Errorf("no Date in\n%s", a.header)
		}
		time.Sleep(100 * time.Second)
		r.contacts(r.register(), `"A" <sip:a@192.0.2.4>;q=0.5;x;expires=500`)
		r.contacts(r.register("Contact: <sip:b@192.0.2.5>;expires=120"),
			"<sip:b@192.0.2.5>;expires=120", `"A" <sip:a@192.0.2.4>;q=0.5;x;expires=500`)
		r.contacts(r.register("Contact: <sip:a@192.0.2.4>;expires=60"),
			"<sip:a@192.0.2.4>;expires=60", "<sip:b@192.0.2.5>;expires=120")
		time.Sleep(61 * time.Second)
		r.contacts(r.register(), "<sip:b@192.0.2.5>;expires=59")
		r.contacts(r.register("Contact: <sip:none@192.0.2.9>;expires=0"), "<sip:b@192.0.2.5>;expires=59")
		r.contacts(r.register("Contact: <sip:b@192.0.2.5>", "Expires: 0"))
		s := r.g.Stats()
		if s.Bound != 3 || s.Removed != 1 || s.Fetched != 4 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestStarRemovesAll(t *testing.T) {
	r := newRig(t, nil)
	r.want(r.register("Contact: <sip:a@192.0.2.4>, <sip:b@192.0.2.4>"), 200)
	r.want(r.register("Contact: <sip:c@192.0.2.4>", "Call-ID: other", "CSeq: 999 REGISTER"), 200)
	r.contacts(r.register("Contact: *", "Expires: 0"))
	if r.loc.Count() != 0 {
		t.Errorf("%d left", r.loc.Count())
	}
	r.contacts(r.register("Contact: *", "Expires: 0"))
}

func TestSecondsGranted(t *testing.T) {
	for _, c := range []struct {
		name    string
		lines   []string
		seconds int
	}{
		{"no wish", []string{"Contact: <sip:a@192.0.2.4>"}, 1800},
		{"header", []string{"Contact: <sip:a@192.0.2.4>", "Expires: 100"}, 100},
		{"parameter before header", []string{"Contact: <sip:a@192.0.2.4>;expires=200", "Expires: 100"}, 200},
		{"more than there is", []string{"Contact: <sip:a@192.0.2.4>;expires=86400"}, 3600},
		{"as much as fits", []string{"Contact: <sip:a@192.0.2.4>;expires=4294967295"}, 3600},
		{"malformed parameter counts as 3600", []string{"Contact: <sip:a@192.0.2.4>;expires=soon", "Expires: 100"}, 3600},
		{"parameter without value", []string{"Contact: <sip:a@192.0.2.4>;expires"}, 3600},
		{"malformed header counts as 3600", []string{"Contact: <sip:a@192.0.2.4>", "Expires: soon"}, 3600},
		{"the least", []string{"Contact: <sip:a@192.0.2.4>;expires=60"}, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(c *Config) { c.DefaultExpires = 30 * time.Minute })
				a := r.want(r.register(c.lines...), 200)
				if want := fmt.Sprintf("<sip:a@192.0.2.4>;expires=%d", c.seconds); len(a.Contact) != 1 || a.Contact[0] != want {
					t.Errorf("got %q, want %q", a.Contact, want)
				}
			})
		})
	}
}

func TestBehindATranslator(t *testing.T) {
	g := New(Config{NATExpires: 90 * time.Second, Jitter: -1})
	for asked, want := range map[time.Duration]time.Duration{time.Hour: 90 * time.Second, time.Minute: time.Minute} {
		if d := g.grant(asked, g.longest(true, false)); d != want {
			t.Errorf("%v behind a translator: %v", asked, d)
		}
	}
	if d := g.grant(time.Hour, g.longest(false, false)); d != time.Hour {
		t.Errorf("elsewhere %v", d)
	}
	if d := New(Config{NATExpires: 20 * time.Second, Jitter: -1}).longest(true, false); d != time.Minute {
		t.Errorf("never below the least there is: %v", d)
	}
}

func TestByConnection(t *testing.T) {
	g := New(Config{ConnExpires: 10 * time.Minute})
	if d := g.longest(false, true); d != 10*time.Minute {
		t.Errorf("by a connection %v", d)
	}
	if d := g.longest(false, false); d != time.Hour {
		t.Errorf("by UDP %v", d)
	}
	if d := New(Config{ConnExpires: time.Second}).longest(false, true); d != time.Minute {
		t.Errorf("never below the least there is: %v", d)
	}
}

func TestJitterStaysWithinTheWish(t *testing.T) {
	g := New(Config{})
	seen := make(map[time.Duration]bool)
	for range 2000 {
		d := g.grant(time.Hour, g.longest(false, false))
		if d > time.Hour || d < 54*time.Minute || d%time.Second != 0 {
			t.Fatalf("granted %v of an hour", d)
		}
		seen[d] = true
		if d := g.grant(62*time.Second, time.Hour); d > 62*time.Second || d < time.Minute {
			t.Fatalf("granted %v of 62 s", d)
		}
		if d := g.grant(time.Minute, time.Hour); d != time.Minute {
			t.Fatalf("granted %v of a minute", d)
		}
	}
	if len(seen) < 200 {
		t.Errorf("only %d different intervals", len(seen))
	}
}

// RFC 3261 §10.3 step 7: within one Call-ID requests count in the order of CSeq.
func TestOrder(t *testing.T) {
	r := newRig(t, nil)
	r.want(r.register("CSeq: 5 REGISTER", "Contact: <sip:a@192.0.2.4>;x=1"), 200)
	t.Run("retransmission gets the state there is", func(t *testing.T) {
		a := r.want(r.register("CSeq: 5 REGISTER", "Contact: <sip:a@192.0.2.4>;x=1"), 200)
		if len(a.Contact) != 1 || !strings.HasPrefix(a.Contact[0], "<sip:a@192.0.2.4>;x=1;") {
			t.Errorf("got %q", a.Contact)
		}
	})
	t.Run("lower is refused and changes nothing", func(t *testing.T) {
		for _, lines := range [][]string{
			{"CSeq: 4 REGISTER", "Contact: <sip:a@192.0.2.4>;x=2"},
			{"CSeq: 4 REGISTER", "Contact: <sip:new@192.0.2.4>, <sip:a@192.0.2.4>;expires=0"},
			{"CSeq: 5 REGISTER", "Contact: *", "Expires: 0"},
			{"CSeq: 4 REGISTER", "Contact: *", "Expires: 0"},
		} {
			r.want(r.register(lines...), 500)
			list := r.loc.Bindings("sip:alice@example.com")
			if len(list) != 1 || list[0].Contact != "<sip:a@192.0.2.4>;x=1" || list[0].CSeq != 5 {
				t.Errorf("%q changed it: %+v", lines, list)
			}
		}
	})
	t.Run("another Call-ID counts anyway", func(t *testing.T) {
		r.want(r.register("CSeq: 1 REGISTER", "Call-ID: rebooted", "Contact: <sip:a@192.0.2.4>;x=3"), 200)
		if list := r.loc.Bindings("sip:alice@example.com"); len(list) != 1 || list[0].CSeq != 1 || list[0].CallID != "rebooted" {
			t.Errorf("%+v", list)
		}
	})
}

func TestSeveralContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		// Several for one binding: the last counts, and there is one.
		r.contacts(r.register("Contact: <sip:a@192.0.2.4>;x=1, <sip:b@192.0.2.4>;q=0.2", "Contact: <sip:a@192.0.2.4:5060;transport=UDP>;x=2",
			"m: <SIP:A@192.0.2.4>, <sip:%61@192.0.2.4>;x=3"),
			"<sip:%61@192.0.2.4>;x=3;expires=3600", "<sip:a@192.0.2.4:5060;transport=UDP>;x=2;expires=3600",
			"<SIP:A@192.0.2.4>;expires=3600", "<sip:b@192.0.2.4>;q=0.2;expires=3600")
		// All or nothing: one is too brief.
		r.want(r.register("Contact: <sip:c@192.0.2.4>, <sip:d@192.0.2.4>;expires=5"), 423)
		if r.loc.Count() != 4 {
			t.Errorf("%d bindings", r.loc.Count())
		}
		// Add, refresh and remove in one.
		r.contacts(r.register("Contact: <sip:c@192.0.2.4>;q=0.1, <sip:b@192.0.2.4>;q=0.2;expires=99, <sip:A@192.0.2.4>;expires=0"),
			"<sip:%61@192.0.2.4>;x=3;expires=3600", "<sip:a@192.0.2.4:5060;transport=UDP>;x=2;expires=3600",
			"<sip:b@192.0.2.4>;q=0.2;expires=99", "<sip:c@192.0.2.4>;q=0.1;expires=3600")
	})
}

func TestLimit(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxBindings = 3 })
	r.via = udp(t)
	for n := range 3 {
		r.want(r.register(fmt.Sprintf("Contact: <sip:p%d@192.0.2.4>", n), fmt.Sprintf("Call-ID: %d", n)), 200)
	}
	if a := r.want(r.register("Contact: <sip:p3@192.0.2.4>", "Call-ID: 3"), 403); !strings.Contains(a.reason, "Too Many") {
		t.Errorf("says %q", a.reason)
	}
	r.want(r.register("Contact: <sip:p1@192.0.2.4>"), 200)                               // a refresh is none more
	r.want(r.register("Contact: <sip:p3@192.0.2.4>, <sip:p0@192.0.2.4>;expires=0"), 200) // one goes, one comes
	r.want(r.register("Contact: <sip:p9@192.0.2.4>;expires=0"), 200)                     // removing is always allowed
	many := strings.Repeat("<sip:x@192.0.2.4>, ", 60) + "<sip:x@192.0.2.4>"              // one binding, named often
	r.want(r.register("Contact: "+many, "Contact: <sip:p1@192.0.2.4>;expires=0"), 200)   //
	var far []string
	for n := range 100 {
		far = append(far, fmt.Sprintf("<sip:y%d@192.0.2.4>", n))
	}
	r.want(r.register("Contact: "+strings.Join(far, ", ")), 403)
}

// A phone on TCP comes back with another port after each loss of its
// connection; what it left behind does not lock it out.
func TestLimitForgetsLostConnections(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxBindings = 3 })
	lost := r.via
	r.via = udp(t)
	r.want(r.register("Contact: <sip:desk@192.0.2.4>"), 200)
	r.via = lost
	for n := range 5 {
		r.want(r.register(fmt.Sprintf("Contact: <sip:p%d@192.0.2.4;transport=tcp>", n)), 200)
	}
	left := ""
	for _, c := range r.want(r.register(), 200).Contact {
		uri, _, _ := strings.Cut(c, ">")
		left += uri + ">"
	}
	if left != "<sip:p4@192.0.2.4;transport=tcp><sip:p3@192.0.2.4;transport=tcp><sip:desk@192.0.2.4>" {
		t.Errorf("left: %s", left)
	}
}

// A phone that restarts without unregistering, each time with another port, does
// not lock its user out, whatever it can be known by. Another phone stays bound.
func TestLimitOfOneDevice(t *testing.T) {
	const other = "<sip:desk@192.0.2.4>"
	for name, lines := range map[string]func(n int) []string{
		"instance": func(n int) []string {
			return []string{fmt.Sprintf(`Contact: <sip:a@192.0.2.4:%d>;+sip.instance="<urn:uuid:00000000-0000-4000-8000-000000000001>"`, n),
				fmt.Sprintf("Call-ID: boot %d", n), fmt.Sprintf("User-Agent: version %d", n)}
		},
		"Call-ID": func(n int) []string {
			return []string{fmt.Sprintf("Contact: <sip:a%d@192.0.2.4>", n), "Call-ID: of all boots"}
		},
		"neither": func(n int) []string {
			return []string{fmt.Sprintf("Contact: <sip:a@192.0.2.4:%d>", n), fmt.Sprintf("Call-ID: boot %d", n), "User-Agent: one"}
		},
	} {
		r := newRig(t, func(c *Config) { c.MaxBindings = 3 })
		r.via = udp(t)
		r.want(r.register("Contact: "+other, "Call-ID: other"), 200)
		for n := range 6 {
			if a := r.register(lines(1000 + n)...); a.code != 200 {
				t.Errorf("%s: restart %d: %d %s", name, n, a.code, a.reason)
			}
		}
		left := r.want(r.register(), 200).Contact
		if len(left) != 3 || !strings.Contains(left[0], "1005") || !strings.Contains(left[1], "1004") || !strings.HasPrefix(left[2], other) {
			t.Errorf("%s: left %q", name, left)
		}
		// A device that shares nothing of this is refused.
		if a := r.register("Contact: <sip:b@192.0.2.4>", "Call-ID: new", "User-Agent: another"); a.code != 403 {
			t.Errorf("%s: another device: %d", name, a.code)
		}
	}
}

func TestAliasAndLocalAddress(t *testing.T) {
	r := newRig(t, nil)
	r.want(r.register("To: <sip:+4930123@EXAMPLE.COM:5060;user=phone>", "Contact: <sip:a@192.0.2.4>"), 200)
	r.want(r.register("URI: sip:192.0.2.10", "To: <sip:alice@192.0.2.10>", "Contact: <sip:b@192.0.2.4>"), 200)
	if list := r.loc.Bindings("sip:alice@example.com"); len(list) != 2 || list[0].Device != "desk" {
		t.Errorf("%+v", list)
	}
}

func TestPathAndServiceRoute(t *testing.T) {
	const route = "<sip:edge.example.com;lr=on>"
	r := newRig(t, func(c *Config) { c.ServiceRoute = route })
	path := []string{"Path: <sip:p1.example.com;lr>,<sip:p2.example.com;lr>", "Path: <sip:p3.example.com;lr>"}
	a := r.want(r.register(append(path, "Contact: <sip:a@192.0.2.4>", "Supported: path")...), 200)
	const joined = "<sip:p1.example.com;lr>, <sip:p2.example.com;lr>, <sip:p3.example.com;lr>"
	if !strings.Contains(a.header, "\r\nPath: "+joined+"\r\n") || !strings.Contains(a.header, "\r\nService-Route: "+route+"\r\n") {
		t.Errorf("got\n%s", a.header)
	}
	if got := r.loc.Bindings("sip:alice@example.com")[0].Path; got != joined {
		t.Errorf("stored %q", got)
	}
	a = r.want(r.register(append(path, "Contact: <sip:a@192.0.2.4>")...), 200)
	if strings.Contains(a.header, "\r\nPath:") {
		t.Errorf("Path sent to a phone that does not know it:\n%s", a.header)
	}
}

func TestOutbound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		const inst = `;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"`
		a := r.register("Supported: outbound, path", "Contact: <sip:a@192.0.2.4:1111;ob>;reg-id=1"+inst)
		r.contacts(a, "<sip:a@192.0.2.4:1111;ob>;reg-id=1"+inst+";expires=3600")
		if !strings.Contains(a.header, "\r\nRequire: outbound\r\n") || !strings.Contains(a.header, "\r\nFlow-Timer: 120\r\n") {
			t.Errorf("got\n%s", a.header)
		}
		// The same instance and reg-id from elsewhere replaces, another reg-id adds.
		r.contacts(r.register("Supported: outbound", "Contact: <sip:a@192.0.2.4:2222;ob>;reg-id=1"+inst, "Call-ID: two"),
			"<sip:a@192.0.2.4:2222;ob>;reg-id=1"+inst+";expires=3600")
		r.contacts(r.register("Supported: outbound", "Contact: <sip:a@192.0.2.4:2222;ob>;reg-id=2"+inst),
			"<sip:a@192.0.2.4:2222;ob>;reg-id=2"+inst+";expires=3600", "<sip:a@192.0.2.4:2222;ob>;reg-id=1"+inst+";expires=3600")
		// Without Supported: outbound a reg-id is a parameter like any other.
		a = r.register("Contact: <sip:snom@192.0.2.4>;reg-id=1" + inst)
		if r.want(a, 200); strings.Contains(a.header, "Require:") || len(a.Contact) != 3 {
			t.Errorf("got\n%s", a.header)
		}
		// Through an edge that says ob it works, and the Flow-Timer is the edge's matter.
		a = r.register("Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKp, SIP/2.0/UDP 192.0.2.4;branch=z9hG4bKq", "Path: <sip:192.0.2.9;lr;ob>",
			"Supported: path, outbound", "Contact: <sip:a@192.0.2.4:3333;ob>;reg-id=1"+inst)
		if r.want(a, 200); strings.Contains(a.header, "Flow-Timer") || !strings.Contains(a.header, "Require: outbound") || len(a.Contact) != 3 {
			t.Errorf("got\n%s", a.header)
		}
		// A removal without reg-id takes every flow of that URI.
		r.want(r.register("Contact: <sip:a@192.0.2.4:2222;ob>;expires=0"), 200)
		if n := r.loc.Count(); n != 2 {
			t.Errorf("%d bindings left", n)
		}
	})
}

func TestGRUU(t *testing.T) {
	r := newRig(t, nil)
	const inst = `;+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"`
	contact := "Contact: <sip:a@192.0.2.4>" + inst
	temp := func(a answer) string {
		t.Helper()
		r.want(a, 200)
		n, err := sip.ParseNameAddr([]byte(a.Contact[0]))
		if err != nil {
			t.Fatal(err)
		}
		if pub, _ := n.Param("pub-gruu"); string(pub) != "sip:alice@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6" {
			t.Errorf("pub-gruu %q", pub)
		}
		v, _ := n.Param("temp-gruu")
		return string(v)
	}
	means := func(gruu string) bool {
		t.Helper()
		u, err := sip.ParseURI([]byte(gruu))
		if err != nil {
			t.Fatalf("%q: %v", gruu, err)
		}
		if gr, has := u.Param("gr"); !has || len(gr) != 0 {
			t.Errorf("%q is not a temporary GRUU", gruu)
		}
		aor, instance, ok := r.g.cfg.GRUU.Temp(r.loc, u)
		if ok && (aor != "sip:alice@example.com" || instance != "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>") {
			t.Errorf("means %q %q", aor, instance)
		}
		return ok
	}
	first := temp(r.register(contact, "Supported: gruu"))
	second := temp(r.register(contact, "Supported: gruu"))
	if first == second {
		t.Error("the temporary GRUU was given out twice")
	}
	if !means(first) || !means(second) {
		t.Error("not understood")
	}
	if means("sip:tgruu.AAAA"+first[14:]) || means("sip:alice@example.com;gr") {
		t.Error("a forged one was understood")
	}
	if a := r.register(contact); strings.Contains(a.header, "gruu") {
		t.Errorf("sent to a phone that does not know it\n%s", a.header)
	}
	// A phone that does not know them has no temporary ones, whoever asks.
	r.want(r.register("Contact: <sip:b@192.0.2.5>;+sip.instance=\"<urn:uuid:1>\"", "Call-ID: other"), 200)
	if a := r.register("Supported: gruu"); strings.Count(a.header, "pub-gruu") != 2 || strings.Count(a.header, "temp-gruu") != 1 {
		t.Errorf("got\n%s", a.header)
	}
	r.want(r.register("Contact: <sip:b@192.0.2.5>;expires=0", "Call-ID: other"), 200)
	third := temp(r.register(contact, "Supported: gruu", "Call-ID: rebooted"))
	if means(first) || !means(third) {
		t.Error("a new Call-ID must end the temporary GRUUs of the old one")
	}
	r.want(r.register("Contact: <sip:a@192.0.2.4>;expires=0", "Call-ID: rebooted"), 200)
	if means(third) {
		t.Error("good without a binding")
	}
}
