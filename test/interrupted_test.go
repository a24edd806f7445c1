package test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"tandem/rtc/sip"
)

// run calls the command line with the configuration of the process.
func (p *process) run(args ...string) string {
	p.t.Helper()
	o := p.tandem(args...)
	if o.code != 0 {
		p.t.Fatalf("tandem %s: exit code %d\n%s%s", strings.Join(args, " "), o.code, o.stdout, o.stderr)
	}
	return o.stdout
}

// TestKilledServerKnowsItsCalls: the server is killed with 50 calls up. After the
// restart 50 records say so, the BYE of a phone gets 481, and a new call works.
func TestKilledServerKnowsItsCalls(t *testing.T) {
	const calls = 50
	p := configure(t, t.TempDir(), "numbers: {country: DE}\n")
	addr := netip.MustParseAddrPort(p.sip)
	gateway := dialUDP(t, addr)
	p.run("users", "add", "alice", "--password", password)
	p.run("trunks", "add", "berlin", "--address", "sip:"+gateway.local.String(), "--prefix", "+49", "--codec", "PCMU")
	p.start()
	alice := dialUDP(t, addr)
	answers := make(map[string]*sip.Message)
	for i := range calls {
		id := alice.dialNumber("alice", fmt.Sprintf("+4930%07d", i))
		gateway.answer(gateway.request("INVITE"), 200, "g", 30002)
		gateway.request("ACK")
		m := alice.final(id, "INVITE")
		if m.StatusCode() != 200 {
			t.Fatalf("call %d: %d", i, m.StatusCode())
		}
		alice.ack(m, "")
		answers[id] = m
	}
	p.signal(os.Kill)
	p.wait(patience)
	p.start()
	var list []struct {
		State   string   `json:"state"`
		CallIDs []string `json:"call_ids"`
	}
	if err := json.Unmarshal([]byte(p.run("cdr", "list", "--state", "interrupted", "--limit", "100", "-o", "json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != calls {
		t.Errorf("%d records say interrupted, want %d", len(list), calls)
	}
	for _, r := range list {
		if len(r.CallIDs) == 0 || answers[r.CallIDs[0]] == nil {
			t.Errorf("record of an unknown call %v", r.CallIDs)
		}
	}
	seen := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(p.run("cdr", "export")), "\n") {
		var r struct{ ID, State, Number, Started, Ended string }
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.State != "interrupted" || r.Number == "" || r.Started == "" || r.Ended == "" {
			t.Errorf("exported %s: %v", line, err)
		}
		seen[r.ID]++
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("record %s is exported %d times", id, n)
		}
	}
	if len(seen) != calls {
		t.Errorf("%d records are exported, want %d", len(seen), calls)
	}
	for id, m := range answers {
		alice.send(crlf(fmt.Sprintf("BYE %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: 9 BYE\nContent-Length: 0\n",
			contactOf(t, m), alice.via(), m.Get(sip.HdrFrom), m.Get(sip.HdrTo), id)))
		if got := alice.final(id, "BYE").StatusCode(); got != 481 {
			t.Fatalf("BYE of a call from before: %d, want 481", got)
		}
	}
	id := alice.dialNumber("alice", "+49301234567")
	gateway.answer(gateway.request("INVITE"), 200, "g", 30002)
	if got := alice.final(id, "INVITE").StatusCode(); got != 200 {
		t.Errorf("a new call: %d", got)
	}
}
