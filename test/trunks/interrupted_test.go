package trunks

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/cmd/tandem/api/client"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// older puts the records of n calls into the database of a server that does not run.
func older(p *harness.Process, n int) {
	p.T.Helper()
	db, err := sql.Open("sqlite", filepath.Join(filepath.Dir(p.Config), "data", "tandem.db"))
	if err != nil {
		p.T.Fatal(err)
	}
	defer db.Close()
	const data = `{"to":"0301234567","number":"+49301234567","ringing":1767225602000,"answered":1767225605000,"code":200,"cause":16,"call_ids":["a","b"],"sides":[{"codec":"opus"},{"codec":"PCMU"}]}`
	if _, err := db.Exec(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i+1 < $1)
		INSERT INTO calls (id, state, caller, called, trunk, started, ended, data)
		SELECT printf('old%06d', i), 'completed', 'sip:alice@example.com', '', 'berlin', 1767225600000 + i, 1767225660000 + i, $2 FROM n`, n, data); err != nil {
		p.T.Fatal(err)
	}
}

// killsAt kills a server when an export has begun to arrive, and keeps what arrives.
type killsAt struct {
	got bytes.Buffer // not embedded: that has a way past Write
	p   *harness.Process
}

func (k *killsAt) Write(b []byte) (int, error) {
	if k.got.Len() == 0 {
		k.p.Signal(os.Kill)
		k.p.Wait(harness.Patience)
	}
	return k.got.Write(b)
}

// dieInExport kills the server while it exports its records. What has arrived by then
// is records, each once, and the client knows that it is not all.
func dieInExport(p *harness.Process, all int) {
	p.T.Helper()
	k, err := client.Dial(filepath.Join(filepath.Dir(p.Config), "data", "tandem.sock"))
	if err != nil {
		p.T.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	got := &killsAt{p: p}
	if err := k.Copy(ctx, "/call-records-export", got); err == nil {
		p.T.Error("an export that was cut off ends without an error")
	}
	lines := strings.Split(got.got.String(), "\n")
	lines = lines[:len(lines)-1] // the last is cut off, or empty
	seen := map[string]bool{}
	for _, line := range lines {
		var r struct{ ID, State string }
		if err := json.Unmarshal([]byte(line), &r); err != nil || seen[r.ID] {
			p.T.Errorf("%v: %s", err, line)
		}
		seen[r.ID] = true
	}
	if len(seen) == 0 || len(seen) >= all {
		p.T.Errorf("%d of %d records had arrived, want some", len(seen), all)
	}
}

// TestKilledServerKnowsItsCalls: the server is killed with 50 calls up, during an
// export. After the restart 50 records say so, each record is exported once and is
// complete, the BYE of a phone gets 481, and a new call works.
func TestKilledServerKnowsItsCalls(t *testing.T) {
	const calls, old = 50, 20_000
	p := harness.Configure(t, t.TempDir(), "numbers: {country: DE}\n")
	addr := netip.MustParseAddrPort(p.Sip)
	gateway := harness.DialUDP(t, addr)
	p.Run("users", "add", "alice", "--password", harness.Password)
	p.Run("trunks", "add", "berlin", "--address", "sip:"+gateway.Local.String(), "--prefix", "+49", "--codec", "PCMU")
	older(p, old)
	p.Start()
	alice := harness.DialUDP(t, addr)
	answers := make(map[string]*sip.Message)
	for i := range calls {
		id := alice.DialNumber("alice", fmt.Sprintf("+4930%07d", i))
		gateway.Answer(gateway.Request("INVITE"), 200, "g", 30002)
		gateway.Request("ACK")
		m := alice.Final(id, "INVITE")
		if m.StatusCode() != 200 {
			t.Fatalf("call %d: %d", i, m.StatusCode())
		}
		alice.Ack(m, "")
		answers[id] = m
	}
	dieInExport(p, old+calls)
	p.Start()
	var list []struct {
		State   string   `json:"state"`
		CallIDs []string `json:"call_ids"`
	}
	harness.Wait(t, "the records to say interrupted", func() bool { // they are marked while the server serves
		if err := json.Unmarshal([]byte(p.Run("cdr", "list", "--state", "interrupted", "--limit", "100", "-o", "json")), &list); err != nil {
			t.Fatal(err)
		}
		return len(list) == calls
	})
	for _, r := range list {
		if len(r.CallIDs) == 0 || answers[r.CallIDs[0]] == nil {
			t.Errorf("record of an unknown call %v", r.CallIDs)
		}
	}
	seen := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(p.Run("cdr", "export")), "\n") {
		var r struct{ ID, State, Number, Started, Ended string }
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.State != map[bool]string{true: "completed", false: "interrupted"}[strings.HasPrefix(r.ID, "old")] || r.Number == "" || r.Started == "" || r.Ended == "" {
			t.Errorf("exported %s: %v", line, err)
		}
		seen[r.ID]++
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("record %s is exported %d times", id, n)
		}
	}
	if len(seen) != calls+old {
		t.Errorf("%d records are exported, want %d", len(seen), calls+old)
	}
	for id, m := range answers {
		alice.Send(harness.CRLF(fmt.Sprintf("BYE %s SIP/2.0\nVia: %s\nMax-Forwards: 70\nFrom: %s\nTo: %s\nCall-ID: %s\nCSeq: 9 BYE\nContent-Length: 0\n",
			contactOf(t, m), alice.Via(), m.Get(sip.HdrFrom), m.Get(sip.HdrTo), id)))
		if got := alice.Final(id, "BYE").StatusCode(); got != 481 {
			t.Fatalf("BYE of a call from before: %d, want 481", got)
		}
	}
	id := alice.DialNumber("alice", "+49301234567")
	gateway.Answer(gateway.Request("INVITE"), 200, "g", 30002)
	if got := alice.Final(id, "INVITE").StatusCode(); got != 200 {
		t.Errorf("a new call: %d", got)
	}
}
