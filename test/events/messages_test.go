package events

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// writer sends numbered messages to users who are away, each again until it is
// answered, as UDP clients do.
type writer struct {
	*harness.Wire
	sent  map[string]string // by Call-ID: receiver and number, not answered yet
	acked map[string]bool   // receiver and number
	after map[string]int    // receiver and number: the greatest acknowledged to that receiver when it was first sent
	last  map[string]int    // by receiver: the greatest acknowledged
	n     int
}

func (w *writer) write1(id, to string) {
	user, number, _ := strings.Cut(to, " ")
	_ = w.Write([]byte(harness.CRLF(fmt.Sprintf("MESSAGE sip:%s@%s SIP/2.0\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s\nMax-Forwards: 70\nFrom: <sip:writer@%s>;tag=%s\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: 1 MESSAGE\nContent-Type: text/plain\nContent-Length: %d\n\n%s",
		user, harness.Domain, w.Local, id, harness.Domain, id, user, harness.Domain, id, len(number), number))))
}

// storm sends until so many were answered, kills the server in the middle, and
// returns what was not answered.
func (w *writer) storm(n int, kill func()) {
	for answered := 0; answered < n; {
		for len(w.sent) < 100 {
			w.n++
			id, to := harness.Unique(), fmt.Sprintf("u%d %d", w.n%50, w.n)
			w.sent[id] = to
			user, _, _ := strings.Cut(to, " ")
			w.after[to] = w.last[user]
			w.write1(id, to)
		}
		if !w.heard(harness.Patience) {
			w.T.Fatalf("no answer after %d", answered)
		}
		answered++
	}
	kill()
	for w.heard(200 * time.Millisecond) {
	}
}

// heard takes one answer.
func (w *writer) heard(limit time.Duration) bool {
	m, err := w.Next(limit, func(m *sip.Message) bool { return !m.IsRequest() && m.StatusCode() >= 200 })
	if err != nil {
		return false
	}
	if to, ok := w.sent[string(m.CallID())]; ok {
		if m.StatusCode() != 202 {
			w.T.Errorf("answered\n%s", m.Bytes())
		}
		w.acked[to] = true
		user, number, _ := strings.Cut(to, " ")
		n, _ := strconv.Atoi(number)
		w.last[user] = max(w.last[user], n)
		delete(w.sent, string(m.CallID()))
	}
	return true
}

// kill -9 in a storm of messages to absent users: what was acknowledged, or sent
// again after the restart, comes once, and in the order of each sender's answers.
func TestKilledServerKeepsMessages(t *testing.T) {
	t.Parallel() // it waits for programs
	p, _ := harness.StartProcess(t, "messages: {rate: 0, mailbox: 10000, mailbox_bytes: 100000000}\n")
	w := &writer{Wire: harness.DialUDP(t, netip.MustParseAddrPort(p.Trusted)), sent: make(map[string]string), acked: make(map[string]bool),
		after: make(map[string]int), last: make(map[string]int)}
	for round := range 3 {
		w.storm(1500+rand.N(500), func() { p.Signal(syscall.SIGKILL); p.Wait(harness.Patience) })
		unsure := len(w.sent)
		p.Start()
		for id, to := range w.sent { // the clients send again
			w.write1(id, to)
		}
		for len(w.sent) > 0 {
			if !w.heard(harness.Patience) {
				t.Fatalf("%d are not answered after the restart", len(w.sent))
			}
		}
		t.Logf("round %d: %d acknowledged, %d of them asked twice", round, len(w.acked), unsure)
	}
	reader := harness.DialUDP(t, netip.MustParseAddrPort(p.Trusted))
	got := make(map[string]int)
	start := time.Now()
	for i := range 50 {
		user := fmt.Sprintf("u%d", i)
		reader.Send(fmt.Sprintf("REGISTER sip:%s SIP/2.0\nVia: %s\nFrom: <sip:%s@%s>;tag=1\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: 1 REGISTER\nContact: <sip:%s@%s>;expires=3600\nContent-Length: 0\n",
			harness.Domain, reader.Via(), user, harness.Domain, user, harness.Domain, harness.Unique(), user, reader.Local))
	}
	came := make(map[string]map[int]bool) // by receiver
	for len(got) < len(w.acked) {
		m, err := reader.Next(harness.Patience, func(m *sip.Message) bool { return m.IsRequest() && m.Method() == sip.MESSAGE })
		if err != nil {
			break
		}
		to, _ := m.To()
		u, _ := sip.ParseURI(to.URI)
		var n int
		_, _ = fmt.Sscan(string(m.Body()), &n)
		key := fmt.Sprintf("%s %d", u.User, n)
		if got[key]++; got[key] > 1 {
			t.Errorf("%s came %d times", key, got[key])
		}
		user := string(u.User)
		if came[user] == nil {
			came[user] = make(map[int]bool)
		}
		came[user][n] = true
		// What was answered before this one was sent comes before it; those that were
		// under way together may come in any order.
		if before := w.after[key]; before > 0 && !came[user][before] {
			t.Errorf("%s came before %d, which was acknowledged before it was sent", key, before)
		}
		reader.Reply(m, 200, "r", "", "")
	}
	var missing []string
	for to := range w.acked {
		if got[to] == 0 {
			missing = append(missing, to)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("%d of %d acknowledged are missing: %q …", len(missing), len(w.acked), missing[:min(5, len(missing))])
	}
	t.Logf("%d messages to 50 users came within %v", len(got), time.Since(start).Round(time.Millisecond))
}
