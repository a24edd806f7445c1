package pint

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/pint"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// reinvite sends a re-INVITE in the dialog of an answer, confirms its answer, and returns
// it. n tells it from others of the dialog.
func (q *pintClient) reinvite(ok *sip.Message, n int, body string) *sip.Message {
	target, _ := ok.FirstAddr(sip.HdrContact)
	seq, _ := ok.CSeq()
	lines := fmt.Sprintf("From: %s\nTo: %s\nCall-ID: %s\n", ok.Get(sip.HdrFrom), ok.Get(sip.HdrTo), ok.CallID())
	kind := ""
	if body != "" {
		kind = "Content-Type: application/sdp\n"
	}
	via := q.Via()
	q.Send(strings.ReplaceAll(fmt.Sprintf("INVITE %s SIP/2.0\nVia: %s\n%sCSeq: %d INVITE\n%sContent-Length: %d\n\n", target.URI, via, lines, int(seq)+n, kind, len(body)), "\n", "\r\n") + body)
	m := q.Final(string(ok.CallID()), "INVITE")
	if m.StatusCode()/100 == 2 {
		via = q.Via() // the ACK to a 2xx is a transaction of its own
	}
	q.Send(strings.ReplaceAll(fmt.Sprintf("ACK %s SIP/2.0\nVia: %s\n%sCSeq: %d ACK\nContent-Length: 0\n\n", target.URI, via, lines, int(seq)+n), "\n", "\r\n"))
	return m
}

// TestPINTReinvite: a re-INVITE changes the time of a service that waits for it, durably
// and before it is answered; all else of a request stays as it was.
func TestPINTReinvite(t *testing.T) {
	r, q, alice, _ := pintRig(t)
	at := func(d time.Duration) string { return fmt.Sprint("t=", time.Now().Add(d).Unix()+2208988800) }
	first := at(time.Hour)
	text := q.example(t, "4.9", "t=2353687760", first)
	ok := q.invite(t, text)
	q.plainAck(ok, text)
	_, body, _ := strings.Cut(text, "\r\n\r\n")
	session := func() pint.Session {
		t.Helper()
		list, err := r.S.PINT().Store().List(harness.Soon(t), pint.Query{})
		if err != nil || len(list) != 1 {
			t.Fatal(len(list), err)
		}
		return list[0]
	}
	harness.Wait(t, "it waits for its time", func() bool { return session().State == pint.Scheduled })
	due := session().Due
	second := at(3 * time.Hour)
	for n, row := range []struct {
		name, body string
		code       int
		warning    string
		moved      bool
	}{
		{"nothing", "", 200, "", false},
		{"the same", body, 200, "", false},
		{"another number", strings.Replace(body, "8331013", "8331014", 1), 488, "of a request only its time", false},
		{"on hold", strings.Replace(body, "m=audio 1", "m=audio 0", 1), 488, "of a request only its time", false},
		{"another session", strings.Replace(body, "o=- 2353687760", "o=- 99", 1), 488, "of a request only its time", false},
		{"no description", "v=0", 400, "line o=", false},
		{"in ten years", strings.Replace(body, first, at(10*365*24*time.Hour), 1), 606, "the call is scheduled for", false},
		{"later, and a new version", strings.NewReplacer(first, second, "2353687760 2353687760", "2353687760 2353687761").Replace(body), 200, "", true},
	} {
		m := q.reinvite(ok, n+1, row.body)
		if m.StatusCode() != row.code || !strings.Contains(string(m.Get(sip.HdrWarning)), row.warning) {
			t.Errorf("%s: answered\n%s", row.name, m.Bytes())
		}
		if moved := !session().Due.Equal(due); moved != row.moved {
			t.Errorf("%s: on disk it begins at %s, before at %s", row.name, session().Due, due)
		}
		if row.code == 200 && !strings.HasPrefix(info(t, m), "scheduled for") {
			t.Errorf("%s: given back was\n%s", row.name, m.Bytes())
		}
	}
	if m := q.reinvite(ok, 20, strings.Replace(body, first, "t=0", 1)); m.StatusCode() != 200 {
		t.Fatalf("at once: answered\n%s", m.Bytes())
	}
	invite := alice.Request("INVITE")
	alice.Reply(invite, 180, "a", "", "")
	if m := q.reinvite(ok, 21, body); m.StatusCode() != 606 || !strings.Contains(string(m.Get(sip.HdrWarning)), "the service has begun") {
		t.Errorf("when it has begun: answered\n%s", m.Bytes())
	}
	alice.Reply(invite, 603, "a", "", "")
	q.Reply(q.Request("BYE"), 200, "", "", "")
	if s := pintSession(r, t); s.Tries != 1 || s.Code != 603 {
		t.Errorf("%+v", s)
	}
	if rows, want := pintRows(r, t), map[string]int{"ask-pint-call done": 1, "change-pint-call done": 2, "change-pint-call failed": 6}; !maps.Equal(rows, want) {
		t.Errorf("the audit log has %v, want %v", rows, want)
	}
}

// A BYE that takes back a service of later is answered once that is on disk: a server
// that is killed then makes no call. One that comes too late changes nothing.
func TestPINTByeIsOnDisk(t *testing.T) {
	r, q, _, _ := pintRig(t, func(cfg *config.Config) {
		cfg.PINT.Services = []config.PINTService{{Name: "R2C", Kind: "r2c", PerMinute: 1000, AtOnce: 1000, Same: time.Millisecond}}
	})
	at := time.Now().Add(time.Hour)
	kept := func(id string) pint.State {
		t.Helper()
		s, ok, err := r.S.PINT().Store().Session(harness.Soon(t), id)
		if err != nil || !ok {
			t.Fatal(id, ok, err)
		}
		return s.State
	}
	for n := range 20 {
		text := q.example(t, "4.9", "t=2353687760", fmt.Sprint("t=", at.Unix()+2208988800+int64(n)), "2353687760 2353687760", fmt.Sprint("2353687760 ", n))
		ok := q.invite(t, text)
		q.plainAck(ok, text)
		id := sessionOf(t, ok)
		harness.Wait(t, "it waits for its time", func() bool { return kept(id) == pint.Scheduled })
		q.within(ok, "BYE", "", "")
		if m := q.Final(string(ok.CallID()), "BYE"); m.StatusCode() != 200 {
			t.Fatalf("BYE was answered\n%s", m.Bytes())
		}
		if s := kept(id); s != pint.Cancelled {
			t.Fatalf("after the answer to the BYE the disk has %s", s)
		}
	}
	if m, err := q.Next(50*time.Millisecond, (*sip.Message).IsRequest); err == nil {
		t.Errorf("the client, who said BYE, gets\n%s", m.Bytes())
	}
	r.NothingLeft(t)
}
