package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"

	"tandem/cmd/tandem/api/audit"
	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/guard"
)

// outside is a gateway by whose trunk alice calls.
func outside(w *world) *user {
	w.t.Helper()
	gateway := &user{phone: w.phoneAt(5), name: "gw", extra: supports}
	trunk := gateways.Trunk{Name: "gw", Addresses: []string{"sip:" + gateway.addr.String()}, Prefixes: []string{"*"}}
	trunk.Probe = dialect.ProbeOff
	if err := w.s.trunks.Add(w.t.Context(), trunk); err != nil {
		w.t.Fatal(err)
	}
	return gateway
}

// dials sends the INVITE of a user who proves who he is, as one outside this machine has
// to.
func (s *user) dials(uri, body string) {
	s.w.t.Helper()
	s.calls(uri, "", body)
	m := s.want("407 INVITE")
	s.acknowledge(m)
	c, err := digest.ParseChallenge(string(m.Get(sip.HdrProxyAuthenticate)))
	if err != nil {
		s.w.t.Fatal(err)
	}
	cred, err := digest.Digest(c, digest.Options{Method: "INVITE", URI: uri, Username: s.name, Password: "a secret of theirs", Count: 1})
	if err != nil {
		s.w.t.Fatal(err)
	}
	s.seq = 2
	s.write("INVITE", uri, 2, "Proxy-Authorization: "+cred.String()+"\r\n", body)
}

// acknowledge acknowledges the refusal of the INVITE sent last, on its branch.
func (s *user) acknowledge(m *sip.Message) {
	s.send(fmt.Appendf(nil, "ACK sip:time.test SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d ACK\r\nContent-Length: 0\r\n\r\n",
		s.via, s.from, m.Get(sip.HdrTo), s.id, max(s.seq, 1)))
}

// outward connects a with a number by the gateway.
func outward(a, gateway *user, number string) {
	a.w.t.Helper()
	a.dials("sip:"+number+"@time.test", a.sdp())
	gateway.id = ""
	gateway.reply(gateway.want("INVITE"), 200, "g", "", gateway.sdp())
	gateway.want("ACK")
	m := a.want("200 INVITE")
	to, _ := m.FirstAddr(sip.HdrContact)
	a.to, a.target = string(m.Get(sip.HdrTo)), string(to.URI)
	a.write("ACK", a.target, a.seq, "", "")
}

// audited are the rows of calls in the audit log, the newest first.
func (w *world) audited() (rows []audit.Row) {
	w.t.Helper()
	all, err := w.s.state.Audit.Rows(w.t.Context(), audit.Query{Limit: 100_000})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range all {
		if r.Operation == "call" {
			rows = append(rows, r)
		}
	}
	return rows
}

// A call under way that uses up the minutes of a day is ended at that moment: both sides
// are told why, and so are the record, the audit log, and those who follow. The next one
// is refused.
func TestMinutesEndACall(t *testing.T) {
	led(t, nil, func(w *world, _, _ *user) {
		a := &user{phone: w.phoneAt(2), name: "alice", extra: supports}
		gateway := outside(w)
		follow := w.s.state.Events.Follow("")
		limit := guard.Limit{Key: guard.Key{Level: guard.User, Name: "sip:alice@time.test"}, MinutesDay: 10}
		if err := w.s.dialling.guard.Set(w.t.Context(), limit); err != nil {
			t.Fatal(err)
		}
		outward(a, gateway, "+49301234567")
		w.pass(10*time.Minute-time.Second/2, a.phone, gateway.phone)
		if a.came("BYE") != nil || gateway.came("BYE") != nil {
			t.Fatal("the call is ended before its time")
		}
		const why, cause = "outside calls of user sip:alice@time.test: 10 minutes a day", 21
		for _, s := range []*user{a, gateway} {
			m := s.want("BYE")
			if reason := string(m.Get(sip.HdrReason)); !strings.HasPrefix(reason, "Q.850;cause=21;") {
				t.Errorf("%s is told %q", s.name, reason)
			}
			s.reply(m, 200, "", "", "")
		}
		w.pass(time.Second)
		list, err := w.s.records.List(w.t.Context(), cdr.Query{})
		if err != nil || len(list) != 1 {
			t.Fatalf("%d records, %v", len(list), err)
		}
		r := list[0]
		if r.State != cdr.Completed || r.EndedBy != "server" || r.Code != 403 || r.Cause != cause || r.Text != why || r.Talked().Round(time.Second) != 10*time.Minute {
			t.Errorf("record %+v, of %v", r, r.Talked())
		}
		rows := w.audited()
		if len(rows) != 1 || rows[0].Who != "sip:alice@time.test" || rows[0].Resource != "numbers/+49301234567" || rows[0].Outcome != audit.Failed || rows[0].Why != why {
			t.Errorf("audit log: %+v", rows)
		}
		told := ""
		news, _, err := follow.Next(w.t.Context()) // there are some
		for _, e := range news {
			if e.Type == "call.limited" {
				told = string(e.Data)
			}
		}
		if err != nil || !strings.Contains(told, why) {
			t.Errorf("those who follow are told %s, %v", told, err)
		}
		a.dials("sip:+49301234567@time.test", a.sdp())
		if m := a.want("403 INVITE"); !strings.Contains(string(m.Get(sip.HdrWarning)), why) {
			t.Errorf("the next call:\n%s", m.Bytes())
		}

		// a call for help goes on
		outward(a, gateway, "112")
		w.pass(12*time.Minute, a.phone, gateway.phone)
		if a.came("BYE") != nil || gateway.came("BYE") != nil {
			t.Error("a call for help is ended")
		}
		over(a, gateway)
		if n := len(w.audited()); n != 2 {
			t.Errorf("%d rows in the audit log, want that of the call that was ended and of the one refused", n)
		}
	})
}

// Of thousands of calls refused at once each stands in the audit log.
func TestBurstOfRefusals(t *testing.T) {
	const burst = 4000
	led(t, nil, func(w *world, _, _ *user) {
		a := &user{phone: w.phoneAt(2), name: "alice", extra: supports}
		outside(w)
		for i := range burst {
			a.dials(fmt.Sprintf("sip:+1900%07d@time.test", 5550000+i), "")
			a.acknowledge(a.want("403 INVITE"))
		}
		w.pass(time.Second)
		rows := w.audited()
		seen := make(map[string]bool)
		for _, r := range rows {
			if r.Who == "sip:alice@time.test" && r.Outcome == audit.Failed && r.Why != "" {
				seen[r.Resource] = true
			}
		}
		if len(rows) != burst || len(seen) != burst || w.s.state.Audit.Lost() != 0 {
			t.Errorf("%d rows about %d numbers for %d calls refused; %d are lost", len(rows), len(seen), burst, w.s.state.Audit.Lost())
		}
	})
}
