package pint

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// registersFor sends a REGISTER of a gateway for a service: To is the service, From the
// service at the gateway (RFC 2848 §3.5.7). user proves who it is; "" nobody does.
func registersFor(w *harness.Wire, service, user string, lines ...string) *sip.Message {
	w.T.Helper()
	id := harness.Unique()
	ask := func(n int, extra string) *sip.Message {
		w.Send(harness.CRLF(fmt.Sprintf("REGISTER sip:registrar@%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:%s@pint.telcoA.com>;tag=g\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: %d REGISTER\n%s\n%sContent-Length: 0\n",
			harness.Domain, w.Via(), service, service, harness.Domain, id, n, strings.Join(lines, "\n"), extra)))
		return w.Final(id, "REGISTER")
	}
	m := ask(1, "")
	if m.StatusCode() != 401 || user == "" {
		return m
	}
	line, err := harness.Credentials(m, user, harness.Password, "REGISTER", "sip:registrar@"+harness.Domain, "auth")
	if err != nil {
		w.T.Fatal(err)
	}
	return ask(2, line+"\n")
}

// brokerRig is a server whose R2C is done by gateways that gw1 and gw2 may register.
func brokerRig(t *testing.T) (r *harness.Rig, q *pintClient, gateways [2]*harness.Wire) {
	t.Helper()
	r, q, _, _ = pintRig(t, func(cfg *config.Config) {
		cfg.PINT.Services = []config.PINTService{{Name: "R2C", Kind: "r2c", PerMinute: 1000, Same: time.Nanosecond, Gateways: []string{"gw1", "sip:gw2@" + harness.Domain}}}
	})
	r.User("gw1", "gw2")
	for i := range gateways {
		gateways[i] = r.Dial(t, "udp")
	}
	return r, q, gateways
}

// TestPINTRegistration: gateways register for a service when they prove who they are,
// and nobody else does, nor removes what they have registered (RFC 2848 §5.2).
func TestPINTRegistration(t *testing.T) {
	r, q, gw := brokerRig(t)
	contact := "Contact: <sip:R2C@" + gw[0].Local.String() + ">"
	for _, row := range []struct {
		who     string
		w       *harness.Wire
		service string
		user    string
		lines   []string
		code    int
	}{
		{"nobody", gw[0], "R2C", "", []string{contact}, 401},
		{"a user", gw[0], "R2C", "alice", []string{contact}, 403},
		{"for another service", gw[0], "R2HC", "gw1", []string{contact}, 403},
		{"an address that is trusted", r.Dial(t, "trusted"), "R2C", "", []string{contact}, 403},
		{"a gateway", gw[0], "R2C", "gw1", []string{contact, "Expires: 600"}, 200},
		{"another one", gw[1], "R2C", "gw2", []string{"Contact: <sip:R2C@" + gw[1].Local.String() + ">;q=0.5"}, 200},
		{"a user who removes", gw[0], "R2C", "eve", []string{"Contact: *", "Expires: 0"}, 403},
	} {
		m := registersFor(row.w, row.service, row.user, row.lines...)
		if m.StatusCode() != row.code {
			t.Errorf("%s: answered\n%s", row.who, m.Bytes())
		}
		if row.who == "another one" && m.Count(sip.HdrContact) != 2 {
			t.Errorf("both are not there:\n%s", m.Bytes())
		}
	}
	if m := registersFor(gw[0], "R2C", "gw1", contact, "Expires: 0"); m.StatusCode() != 200 {
		t.Errorf("removing itself: %s", m.Bytes())
	}
	if m := registersFor(gw[1], "R2C", "gw2", "Contact: *", "Expires: 0"); m.StatusCode() != 200 {
		t.Errorf("removing all: %s", m.Bytes())
	}
	if m := q.invite(t, q.example(t, "4.9")); m.StatusCode() != 503 && m.StatusCode() != 500 {
		t.Errorf("with no gateway: %s", m.Bytes())
	}
}

// TestPINTBroker: the gateway of the highest q is asked; the next one on 5xx and 415, not
// on other answers (RFC 2848 §5.3). What policy forbids comes to no gateway.
func TestPINTBroker(t *testing.T) {
	_, q, gw := brokerRig(t)
	for i, w := range gw {
		if m := registersFor(w, "R2C", fmt.Sprint("gw", i+1), fmt.Sprintf("Contact: <sip:R2C@%s;tsp=telco%d.com>;q=0.%d", w.Local, i+1, 9-i)); m.StatusCode() != 200 {
			t.Fatalf("%s", m.Bytes())
		}
	}
	for _, row := range []struct {
		first, second int // answers; 0: it is not asked
		code          int
	}{{200, 0, 200}, {503, 200, 200}, {500, 200, 200}, {501, 200, 200}, {415, 200, 200}, {415, 501, 415}, {400, 0, 400}, {420, 0, 420}, {606, 0, 606}, {484, 0, 484}} {
		got := make(chan *sip.Message, 1)
		text := q.example(t, "4.9")
		go func() { got <- q.invite(t, text) }()
		m, err := gw[0].Next(harness.Patience, func(m *sip.Message) bool { return m.IsRequest() && m.Method() == sip.INVITE })
		if err != nil {
			t.Fatalf("%d, %d: the gateway is not asked, the client got\n%s", row.first, row.second, (<-got).Bytes())
		}
		if u := string(m.RequestURI()); !strings.HasPrefix(u, "sip:R2C@") || !strings.Contains(string(m.Body()), "TN  RFC2543") {
			t.Errorf("the gateway got\n%s", m.Bytes())
		}
		gw[0].Reply(m, row.first, "g", "Contact: <sip:R2C@"+gw[0].Local.String()+">\n", "")
		if row.second != 0 {
			m := gw[1].Request("INVITE")
			gw[1].Reply(m, row.second, "h", "Contact: <sip:R2C@"+gw[1].Local.String()+">\n", "")
		}
		if m := <-got; m.StatusCode() != row.code {
			t.Errorf("%d, %d: the client got %d, want %d", row.first, row.second, m.StatusCode(), row.code)
		}
	}
	const to = "sip:0345-123456@pint.bt.co.uk;user=phone;phone-context=+44"
	for name, row := range map[string]struct {
		replace []string
		asked   int // gateway; -1 none
		code    int
	}{
		"provider of the second": {[]string{"R2C@pint.bt.co.uk", "R2C@pint.bt.co.uk;tsp=TELCO2.com"}, 1, 200},
		"provider of nobody":     {[]string{"R2C@pint.bt.co.uk", "R2C@pint.bt.co.uk;tsp=telco3.com"}, -1, 606},
		"premium":                {[]string{to, "sip:+44-909-8790123@x;user=phone"}, -1, 403},
		"premium, demanding":     {[]string{to, "<sip:+44-909-8790123@x;user=phone;require=colour>"}, -1, 403},
		"not her number":         {[]string{"+44-1794-8331013", "+44-1794-8331014"}, -1, 403},
		"a demand for gateways":  {[]string{"m=audio 1  voice -", "m=audio 1  voice -\na=require:colour\na=colour:red"}, 0, 200},
		"a name they may know":   {[]string{to, "sip:mary.james@mailorder.com"}, 0, 200},
		"another kind":           {[]string{"m=audio 1  voice -", "m=text 1 pager -"}, 0, 200},
	} {
		text := q.example(t, "4.9", row.replace...)
		got := make(chan *sip.Message, 1)
		go func() { got <- q.invite(t, text) }()
		if row.asked >= 0 {
			w := gw[row.asked]
			w.Reply(w.Request("INVITE"), 200, "g", "Contact: <sip:R2C@"+w.Local.String()+">\n", "")
		}
		if m := <-got; m.StatusCode() != row.code || row.code == 606 && m.Get(sip.HdrWarning) == nil {
			t.Errorf("%s: the client got\n%s", name, m.Bytes())
		}
	}
}
