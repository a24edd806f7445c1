package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// clerk registers many users from one socket and keeps account of what the
// server has promised.
type clerk struct {
	*harness.Wire
	rand  *rand.Rand
	cseq  int
	known map[string]string // by contact: bound, gone, or unsure when no answer came
	asked map[string]change // by Call-ID, not answered yet
}

type change struct{ contact, becomes string }

func newClerk(t *testing.T, to string) *clerk {
	return &clerk{Wire: harness.DialUDP(t, netip.MustParseAddrPort(to)), rand: rand.New(rand.NewPCG(1, 2)),
		known: make(map[string]string), asked: make(map[string]change)}
}

// users

// owner is the user of a contact "sip:u7@…;n=3".
func owner(contact string) string {
	user, _, _ := strings.Cut(strings.TrimPrefix(contact, "sip:"), "@")
	return user
}

// register asks for one binding or for its end.
func (c *clerk) put(contact string, remove bool) {
	id, expires, becomes := harness.Unique(), 3600, "bound"
	if remove {
		expires, becomes = 0, "gone"
	}
	c.cseq++
	c.known[contact] = "unsure"
	c.asked[id] = change{contact, becomes}
	text := fmt.Sprintf("REGISTER sip:%s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: <sip:%s@%s>;tag=1\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: %d REGISTER\nContact: <%s>;expires=%d\nContent-Length: 0\n",
		harness.Domain, c.Via(), owner(contact), harness.Domain, owner(contact), harness.Domain, id, c.cseq, contact, expires)
	_ = c.Write([]byte(harness.CRLF(text))) // a server that is gone gives no answer
}

// settle takes one answer; false when none comes within the limit.
func (c *clerk) settle(limit time.Duration) bool {
	m, err := c.Next(limit, func(m *sip.Message) bool { return !m.IsRequest() && m.StatusCode() >= 200 })
	if err != nil {
		return false
	}
	ch, ok := c.asked[string(m.CallID())]
	delete(c.asked, string(m.CallID()))
	if ok && m.StatusCode() == 200 {
		c.known[ch.contact] = ch.becomes
	} else if ok {
		c.T.Errorf("REGISTER was answered\n%s", m.Bytes())
	}
	return true
}

// run makes n changes, a fifth of them removals of what is bound, and kills the
// server when half of them have been answered.
func (c *clerk) run(n int, kill func()) (answered int) {
	var bound []string
	for contact, state := range c.known {
		if state == "bound" {
			bound = append(bound, contact)
		}
	}
	killAt := n/2 + c.rand.IntN(n/4)
	killed := false
	for sent := 0; sent < n || len(c.asked) > 0; {
		for len(c.asked) < 64 && sent < n && !killed {
			if sent++; sent%5 == 0 && len(bound) > 0 {
				c.put(bound[len(bound)-1], true)
				bound = bound[:len(bound)-1]
				continue
			}
			c.put(fmt.Sprintf("sip:u%d@%s;n=%d", c.rand.IntN(harness.Clients), c.Local, c.cseq), false)
		}
		limit := harness.Patience
		if killed {
			limit = 300 * time.Millisecond
		}
		if !c.settle(limit) {
			if !killed {
				c.T.Fatalf("no answer any more after %d", answered)
			}
			break
		}
		if answered++; !killed && answered >= killAt {
			kill()
			killed = true
		}
	}
	clear(c.asked)
	return answered
}

// bindings are the contacts the server lists.
func bindings(p *harness.Process) map[string]bool {
	p.T.Helper()
	out := p.Tandem("registrations", "list", "-o", "json")
	var list []struct{ Contact string }
	if err := json.Unmarshal([]byte(out.Stdout), &list); out.Code != 0 || err != nil {
		p.T.Fatalf("registrations list: %v %s", err, out.Stderr)
	}
	set := make(map[string]bool)
	for _, b := range list {
		set[b.Contact] = true
	}
	return set
}

// What has been answered survives the server being killed at any moment: every
// REGISTER that got its 200 is there, and calls find it; what was removed stays
// gone.
func TestKilledServerKeepsRegistrations(t *testing.T) {
	p, _ := harness.StartProcess(t, "registrar: {max_bindings: 60}\n")
	c := newClerk(t, p.Trusted)
	total := 0
	for round := range 4 {
		answered := c.run(1700, func() { p.Signal(syscall.SIGKILL); p.Wait(harness.Patience) })
		total += answered
		p.Start()
		listed := bindings(p)
		bound := 0
		for contact, state := range c.known {
			switch {
			case state == "bound" && !listed[contact]:
				t.Errorf("round %d: %s was registered and is lost", round, contact)
			case state == "gone" && listed[contact]:
				t.Errorf("round %d: %s was removed and is there again", round, contact)
			}
			if state == "bound" {
				bound++
			}
			if state == "unsure" { // from now on it is known
				c.known[contact] = map[bool]string{true: "bound", false: "gone"}[listed[contact]]
			}
		}
		t.Logf("round %d: %d answered before the kill, %d bound, %d listed", round, answered, bound, len(listed))
		c.call(t, 40)
	}
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(2 * harness.Patience); code != 0 {
		t.Errorf("exit code %d at the end", code)
	}
	if total < 3000 {
		t.Errorf("only %d answered", total)
	}
}

// call sends messages to some users, and wants them at all their contacts.
func (c *clerk) call(t *testing.T, n int) {
	t.Helper()
	of := make(map[string][]string)
	for contact, state := range c.known {
		if state == "bound" {
			of[owner(contact)] = append(of[owner(contact)], contact)
		}
	}
	for user, contacts := range of {
		if n--; n < 0 {
			return
		}
		id := harness.Unique()
		c.Send(fmt.Sprintf("MESSAGE sip:%s@%s SIP/2.0\nVia: %s\nFrom: <sip:clerk@%s>;tag=1\nTo: <sip:%s@%s>\nCall-ID: %s\nCSeq: 1 MESSAGE\nContent-Length: 0\n",
			user, harness.Domain, c.Via(), harness.Domain, user, harness.Domain, id))
		missing := make(map[string]bool)
		for _, contact := range contacts {
			missing[contact] = true
		}
		for len(missing) > 0 { // one that comes again is none more
			m, err := c.Next(harness.Patience, func(m *sip.Message) bool { return m.IsRequest() && string(m.CallID()) == id })
			if err != nil {
				t.Fatalf("%s is bound to %q, but a message does not reach %q", user, contacts, slices.Collect(maps.Keys(missing)))
			}
			delete(missing, string(m.RequestURI()))
			c.Reply(m, 486, "x", "", "")
		}
		if m := c.Final(id, "MESSAGE"); m.StatusCode() != 486 {
			t.Errorf("\n%s", m.Bytes())
		}
	}
}

// SIGTERM lets a call that is being set up finish, tells that it is not ready
// any more, and ends with exit code 0.
func TestDrain(t *testing.T) {
	dir := t.TempDir()
	p := harness.Configure(t, dir, "limits: {drain: 10m}\ntelephony: {all_calls: false}\n")
	if out := p.Tandem("users", "add", "100"); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	p.Start()
	phone, caller := newClerk(t, p.Trusted), harness.DialUDP(t, netip.MustParseAddrPort(p.Trusted))
	phone.put("sip:100@"+phone.Local.String(), false)
	if !phone.settle(harness.Patience) {
		t.Fatal("not registered")
	}
	caller.Send(fmt.Sprintf("INVITE sip:100@%s SIP/2.0\nVia: %s\nFrom: <sip:1@%s>;tag=1\nTo: <sip:100@%s>\nCall-ID: drain\nCSeq: 1 INVITE\nContact: <sip:1@%s>\nContent-Length: 0\n",
		harness.Domain, caller.Via(), harness.Domain, harness.Domain, caller.Local))
	inv := phone.Request("INVITE")
	phone.Reply(inv, 180, "b", "", "")
	caller.Status(180, "drain")
	p.Signal(syscall.SIGTERM)
	deadline := time.Now().Add(harness.Patience)
	for {
		if code, body := p.Get("/readyz"); code == http.StatusServiceUnavailable && strings.Contains(body, "draining") {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("readyz while draining: %d %s", code, body)
		}
	}
	if code, _ := p.Get("/livez"); code != http.StatusOK {
		t.Errorf("livez while draining: %d", code)
	}
	select {
	case <-p.Done:
		t.Fatal("ended before the call was set up")
	case <-time.After(300 * time.Millisecond):
	}
	phone.Reply(inv, 200, "b", "Contact: <sip:100@"+phone.Local.String()+">", "")
	if m := caller.Final("drain", "INVITE"); m.StatusCode() != 200 {
		t.Errorf("\n%s", m.Bytes())
	}
	if code := p.Wait(2 * harness.Patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A second signal ends at once, whatever is under way.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := harness.Configure(t, t.TempDir(), "limits: {drain: 10m}\ntelephony: {all_calls: false}\n")
	if out := p.Tandem("users", "add", "100"); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	p.Start()
	phone, caller := newClerk(t, p.Trusted), harness.DialUDP(t, netip.MustParseAddrPort(p.Trusted))
	phone.put("sip:100@"+phone.Local.String(), false)
	if !phone.settle(harness.Patience) {
		t.Fatal("not registered")
	}
	caller.Send(fmt.Sprintf("INVITE sip:100@%s SIP/2.0\nVia: %s\nFrom: <sip:1@%s>;tag=1\nTo: <sip:100@%s>\nCall-ID: d2\nCSeq: 1 INVITE\nContact: <sip:1@%s>\nContent-Length: 0\n",
		harness.Domain, caller.Via(), harness.Domain, harness.Domain, caller.Local))
	phone.Request("INVITE")
	p.Signal(syscall.SIGTERM)
	harness.Wait(t, "it drains", func() bool { code, _ := p.Get("/readyz"); return code == http.StatusServiceUnavailable })
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(harness.Patience); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// Two servers on one data folder would write over each other.
func TestSecondServerIsRefused(t *testing.T) {
	dir := t.TempDir()
	p := harness.Configure(t, dir, "")
	p.Start()
	second := harness.Configure(t, dir, "")
	out := second.Tandem("serve")
	if out.Code != 1 || !strings.Contains(out.Stderr, "stop the other server first") {
		t.Errorf("exit code %d, %s", out.Code, out.Stderr)
	}
	if n := strings.Count(strings.TrimSpace(out.Stderr), "\n"); n > 0 {
		t.Errorf("%d lines:\n%s", n+1, out.Stderr)
	}
	harness.DialUDP(t, netip.MustParseAddrPort(p.Sip)).Alive()
}
