package calls

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
	"tandem/test/bubble"
)

// outside is a gateway by whose trunk alice calls.
func outside(w *bubble.World) *bubble.User {
	w.T.Helper()
	gateway := &bubble.User{Phone: w.PhoneAt(5), Name: "gw", Extra: bubble.Supports}
	trunk := gateways.Trunk{Name: "gw", Addresses: []string{"sip:" + gateway.Addr.String()}, Prefixes: []string{"*"}}
	trunk.Probe = dialect.ProbeOff
	if err := w.S.Trunks().Add(w.T.Context(), trunk); err != nil {
		w.T.Fatal(err)
	}
	return gateway
}

// dials sends the INVITE of a user who proves who he is, as one outside this machine has
// to.
func dials(s *bubble.User, uri, body string) {
	s.W.T.Helper()
	s.Calls(uri, "", body)
	m := s.Want("407 INVITE")
	acknowledge(s, m)
	c, err := digest.ParseChallenge(string(m.Get(sip.HdrProxyAuthenticate)))
	if err != nil {
		s.W.T.Fatal(err)
	}
	cred, err := digest.Digest(c, digest.Options{Method: "INVITE", URI: uri, Username: s.Name, Password: "a secret of theirs", Count: 1})
	if err != nil {
		s.W.T.Fatal(err)
	}
	s.Seq = 2
	s.Write("INVITE", uri, 2, "Proxy-Authorization: "+cred.String()+"\r\n", body)
}

// acknowledge acknowledges the refusal of the INVITE sent last, on its branch.
func acknowledge(s *bubble.User, m *sip.Message) {
	s.Send(fmt.Appendf(nil, "ACK sip:time.test SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d ACK\r\nContent-Length: 0\r\n\r\n",
		s.Via, s.From, m.Get(sip.HdrTo), s.Id, max(s.Seq, 1)))
}

// outward connects a with a number by the gateway.
func outward(a, gateway *bubble.User, number string) {
	a.W.T.Helper()
	dials(a, "sip:"+number+"@time.test", a.SDP())
	gateway.Id = ""
	gateway.Reply(gateway.Want("INVITE"), 200, "g", "", gateway.SDP())
	gateway.Want("ACK")
	m := a.Want("200 INVITE")
	to, _ := m.FirstAddr(sip.HdrContact)
	a.To, a.Target = string(m.Get(sip.HdrTo)), string(to.URI)
	a.Write("ACK", a.Target, a.Seq, "", "")
}

// audited are the rows of calls in the audit log, the newest first.
func audited(w *bubble.World) (rows []audit.Row) {
	w.T.Helper()
	all, err := w.S.Audit().Rows(w.T.Context(), audit.Query{Limit: 100_000})
	if err != nil {
		w.T.Fatal(err)
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
	bubble.Led(t, nil, func(w *bubble.World, _, _ *bubble.User) {
		a := &bubble.User{Phone: w.PhoneAt(2), Name: "alice", Extra: bubble.Supports}
		gateway := outside(w)
		follow := w.S.Happened().Follow("")
		limit := guard.Limit{Key: guard.Key{Level: guard.User, Name: "sip:alice@time.test"}, MinutesDay: 10}
		if err := w.S.Guard().Set(w.T.Context(), limit); err != nil {
			t.Fatal(err)
		}
		outward(a, gateway, "+49301234567")
		w.Pass(10*time.Minute-time.Second/2, a.Phone, gateway.Phone)
		if a.Came("BYE") != nil || gateway.Came("BYE") != nil {
			t.Fatal("the call is ended before its time")
		}
		const why, cause = "outside calls of user sip:alice@time.test: 10 minutes a day", 21
		for _, s := range []*bubble.User{a, gateway} {
			m := s.Want("BYE")
			if reason := string(m.Get(sip.HdrReason)); !strings.HasPrefix(reason, "Q.850;cause=21;") {
				t.Errorf("%s is told %q", s.Name, reason)
			}
			s.Reply(m, 200, "", "", "")
		}
		w.Pass(time.Second)
		list, err := w.S.Records().List(w.T.Context(), cdr.Query{})
		if err != nil || len(list) != 1 {
			t.Fatalf("%d records, %v", len(list), err)
		}
		r := list[0]
		if r.State != cdr.Completed || r.EndedBy != "server" || r.Code != 403 || r.Cause != cause || r.Text != why || r.Talked().Round(time.Second) != 10*time.Minute {
			t.Errorf("record %+v, of %v", r, r.Talked())
		}
		rows := audited(w)
		if len(rows) != 1 || rows[0].Who != "sip:alice@time.test" || rows[0].Resource != "numbers/+49301234567" || rows[0].Outcome != audit.Failed || rows[0].Why != why {
			t.Errorf("audit log: %+v", rows)
		}
		told := ""
		news, _, err := follow.Next(w.T.Context()) // there are some
		for _, e := range news {
			if e.Type == "call.limited" {
				told = string(e.Data)
			}
		}
		if err != nil || !strings.Contains(told, why) {
			t.Errorf("those who follow are told %s, %v", told, err)
		}
		dials(a, "sip:+49301234567@time.test", a.SDP())
		if m := a.Want("403 INVITE"); !strings.Contains(string(m.Get(sip.HdrWarning)), why) {
			t.Errorf("the next call:\n%s", m.Bytes())
		}

		// a call for help goes on
		outward(a, gateway, "112")
		w.Pass(12*time.Minute, a.Phone, gateway.Phone)
		if a.Came("BYE") != nil || gateway.Came("BYE") != nil {
			t.Error("a call for help is ended")
		}
		bubble.Over(a, gateway)
		if n := len(audited(w)); n != 2 {
			t.Errorf("%d rows in the audit log, want that of the call that was ended and of the one refused", n)
		}
	})
}

// Of thousands of calls refused at once each stands in the audit log.
func TestBurstOfRefusals(t *testing.T) {
	const burst = 4000
	bubble.Led(t, nil, func(w *bubble.World, _, _ *bubble.User) {
		a := &bubble.User{Phone: w.PhoneAt(2), Name: "alice", Extra: bubble.Supports}
		outside(w)
		for i := range burst {
			dials(a, fmt.Sprintf("sip:+1900%07d@time.test", 5550000+i), "")
			acknowledge(a, a.Want("403 INVITE"))
		}
		w.Pass(time.Second)
		rows := audited(w)
		seen := make(map[string]bool)
		for _, r := range rows {
			if r.Who == "sip:alice@time.test" && r.Outcome == audit.Failed && r.Why != "" {
				seen[r.Resource] = true
			}
		}
		if len(rows) != burst || len(seen) != burst || w.S.Audit().Lost() != 0 {
			t.Errorf("%d rows about %d numbers for %d calls refused; %d are lost", len(rows), len(seen), burst, w.S.Audit().Lost())
		}
	})
}

// A call within the house that uses up the minutes of its kind is ended at that moment, for
// whoever caused it; its minutes count against no limit of calls outside.
func TestMinutesEndACallInside(t *testing.T) {
	bubble.Led(t, nil, func(w *bubble.World, _, b *bubble.User) {
		a := &bubble.User{Phone: w.PhoneAt(2), Name: "alice", Extra: bubble.Supports}
		key := guard.Key{Level: guard.User, Name: "sip:alice@time.test", Kind: guard.Inside}
		outside := guard.Key{Level: guard.User, Name: key.Name}
		for _, l := range []guard.Limit{{Key: key, MinutesDay: 10}, {Key: outside, MinutesDay: 10}} {
			if err := w.S.Guard().Set(w.T.Context(), l); err != nil {
				t.Fatal(err)
			}
		}
		outward(a, b, "bob")
		w.Pass(10*time.Minute-time.Second/2, a.Phone, b.Phone)
		if a.Came("BYE") != nil || b.Came("BYE") != nil {
			t.Fatal("the call is ended before its time")
		}
		for _, s := range []*bubble.User{a, b} {
			s.Reply(s.Want("BYE"), 200, "", "", "")
		}
		w.Pass(time.Second)
		if used := w.S.Guard().Used(outside, ""); used.Minutes != 0 {
			t.Errorf("%v minutes outside", used.Minutes)
		}
	})
}
