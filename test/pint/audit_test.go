package pint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/api/audit"
	"tandem/cmd/tandem/config"
	"tandem/pint"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// pintRows are the rows about requests for services, by operation and outcome.
func pintRows(r *harness.Rig, t *testing.T) map[string]int {
	t.Helper()
	rows, err := r.S.Audit().Rows(harness.Soon(t), audit.Query{Resource: "pint/calls", Limit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, row := range rows {
		count[row.Operation+" "+string(row.Outcome)]++
	}
	return count
}

// burst sends requests at once, and returns their final answers, by Call-ID.
func (q *pintClient) burst(t *testing.T, asked map[string]string) map[string]*sip.Message {
	t.Helper()
	if err := q.Write([]byte(strings.Join(slices.Collect(maps.Values(asked)), ""))); err != nil {
		t.Fatal(err)
	}
	answers := map[string]*sip.Message{}
	for len(answers) < len(asked) {
		m, err := q.Next(time.Minute, func(m *sip.Message) bool { return m.StatusCode() >= 200 })
		if err != nil {
			t.Fatalf("after %d answers: %v", len(answers), err)
		}
		if id := string(m.CallID()); answers[id] == nil { // else it is repeated, for want of an ACK
			answers[id] = m
		}
	}
	return answers
}

// TestPINTBurstIsAudited: of requests that come all at once, taken on or refused, each has
// its row by the time it is answered.
func TestPINTBurstIsAudited(t *testing.T) {
	const requests = 480
	r, q, _, _ := pintRig(t, func(cfg *config.Config) {
		cfg.PINT.Services = []config.PINTService{{Name: "R2C", Kind: "r2c", PerMinute: requests, AtOnce: requests, Waiting: requests, Same: time.Millisecond}}
	})
	q.Wire = r.Dial(t, "tcp")
	later := time.Now().Add(24*time.Hour).Unix() + 2208988800
	asked := map[string]string{} // by Call-ID
	for n := range requests {
		replace := []string{"t=2353687760", fmt.Sprint("t=", later+int64(n)), "2353687760 2353687760", fmt.Sprint("2353687760 ", n)}
		if n%2 == 1 {
			replace = append(replace, "R2C@", "R2X@")
		}
		text := strings.Replace(q.example(t, "4.9", replace...), "SIP/2.0/UDP", "SIP/2.0/TCP", 1)
		asked[callIDLine.FindStringSubmatch(text)[1]] = text
	}
	for id, challenge := range q.burst(t, asked) {
		text := asked[id]
		line, err := harness.Credentials(challenge, q.user, harness.Password, "INVITE", strings.Fields(text)[1], "auth")
		if err != nil {
			t.Fatal(err)
		}
		asked[id] = strings.Replace(cseqLine.ReplaceAllString(text, "CSeq: 5000 "), "\r\n\r\n", "\r\n"+line+"\r\n\r\n", 1)
	}
	codes := map[int]int{}
	for _, m := range q.burst(t, asked) {
		codes[m.StatusCode()]++
	}
	if want := map[int]int{200: requests / 2, 404: requests / 2}; !maps.Equal(codes, want) {
		t.Errorf("answered by %v, want %v", codes, want)
	}
	if rows, want := pintRows(r, t), map[string]int{"ask-pint-call done": codes[200], "ask-pint-call failed": codes[404]}; !maps.Equal(rows, want) {
		t.Errorf("the audit log has %v, want %v", rows, want)
	}
}

// TestPINTCancelled: an INVITE that is cancelled before its answer has nobody called, and
// has its two rows: who asked, and that they took it back. A CANCEL that comes too late for
// that has no effect: the service is ended by BYE then.
func TestPINTCancelled(t *testing.T) {
	r, q, alice, _ := pintRig(t, func(cfg *config.Config) {
		cfg.PINT.Services = []config.PINTService{{Name: "R2C", Kind: "r2c", PerMinute: 1000, Waiting: 1000, Same: time.Nanosecond}}
	})
	asked, cancelled := 0, 0
	for ; cancelled < 3; asked++ {
		if asked == 100 {
			t.Fatalf("of %d INVITEs, %d were cancelled", asked, cancelled)
		}
		via := q.Via()
		text := strings.Replace(q.example(t, "4.9"), "SIP/2.0/UDP "+q.Local.String(), via, 1)
		id := callIDLine.FindStringSubmatch(text)[1]
		q.Send(text)
		challenge := q.Final(id, "INVITE")
		q.plainAck(challenge, text)
		line, err := harness.Credentials(challenge, q.user, harness.Password, "INVITE", strings.Fields(text)[1], "auth")
		if err != nil {
			t.Fatal(err)
		}
		text = cseqLine.ReplaceAllString(strings.Replace(text, via, q.Via(), 1), "CSeq: 5000 ")
		head, _, _ := strings.Cut(text, "\r\nContent-")
		cancel := strings.ReplaceAll(head, "INVITE", "CANCEL")
		q.Send(strings.Replace(text, "\r\n\r\n", "\r\n"+line+"\r\n\r\n", 1))
		q.Send(cancel + "\r\nContent-Length: 0\r\n\r\n")
		switch m := q.Final(id, "INVITE"); m.StatusCode() {
		case 487:
			q.plainAck(m, text)
			cancelled++
		case 200:
			q.within(m, "BYE", "", "")
			q.Final(id, "BYE")
		default:
			t.Fatalf("answered\n%s", m.Bytes())
		}
	}
	harness.Wait(t, "all have ended, also on disk", func() bool { all, _ := r.S.PINT().Active(); return all == 0 })
	if rows, want := pintRows(r, t), map[string]int{"ask-pint-call done": asked, "cancel-pint-call done": asked}; !maps.Equal(rows, want) {
		t.Errorf("the audit log has %v, want %v", rows, want)
	}
	list, err := r.S.PINT().Store().List(harness.Soon(t), pint.Query{})
	if err != nil || len(list) != asked {
		t.Fatal(len(list), err)
	}
	for _, s := range list {
		if s.State != pint.Cancelled || s.EndedBy != "requester" {
			t.Errorf("%s, ended by %q", s.State, s.EndedBy)
		}
	}
	if m, err := alice.Next(50*time.Millisecond, (*sip.Message).IsRequest); err == nil {
		t.Errorf("she gets\n%s", m.Bytes())
	}
	r.NothingLeft(t)
}
