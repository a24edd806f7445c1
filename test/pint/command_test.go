package pint

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/test/harness"
)

// TestPINTCommands: what people do at a terminal: a call is watched to its end, a text is
// heard, a call is asked for at the time of a clock elsewhere, looked at and cancelled, and
// all of it is counted.
func TestPINTCommands(t *testing.T) {
	t.Parallel() // it waits for programs
	p, _, phone, gateway := pintProcess(t)
	ask := func(args ...string) <-chan harness.Outcome {
		out := make(chan harness.Outcome, 1)
		go func() {
			out <- p.Tandem(append(append([]string{"pint"}, args...), "--user", "alice@"+harness.Domain, "--password", harness.Password, "--server", p.Sip)...)
		}()
		return out
	}
	told := func(o harness.Outcome) (steps []string) {
		t.Helper()
		for line := range strings.Lines(o.Stdout) { // 13:55:32 queued
			_, step, _ := strings.Cut(strings.TrimSpace(line), " ")
			steps = append(steps, step)
		}
		if o.Code != 0 {
			t.Errorf("exit code %d\n%s", o.Code, o.Stderr)
		}
		return steps
	}

	out := ask("call", "0345 123456", "alice", "--watch")
	first := phone.Request("INVITE")
	phone.Reply(first, 180, "b", "", "")
	phone.Answer(first, 200, "b", 30000)
	phone.Request("ACK")
	second := gateway.Request("INVITE")
	gateway.Answer(second, 200, "a", 30002)
	gateway.Request("ACK")
	harness.Wait(t, "both talk", func() bool { return strings.Contains(p.Run("pint", "list", "--state", "connected"), "R2C") })
	gateway.Bye(second, "a")
	phone.Reply(phone.Request("BYE"), 200, "", "", "")
	if got, want := told(<-out), []string{"queued", "dialling B", "B ringing", "B answered", "dialling A", "connected", "ended by A"}; !slices.Equal(got, want) {
		t.Errorf("call --watch shows %q, want %q", got, want)
	}

	out = ask("hear", "alice", "--text", "The backup has failed.", "--lang", "en", "--watch")
	phone.Reply(phone.Request("INVITE"), 603, "b", "", "")
	if got := told(<-out); len(got) != 3 || !strings.HasPrefix(got[2], "ended: 603") {
		t.Errorf("hear --watch shows %q", got)
	}

	tokyo, err := time.LoadLocation("Asia/Tokyo") // whose clocks are never set back
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(48 * time.Hour).In(tokyo).Truncate(time.Minute)
	if got := told(<-ask("call", "0345 123457", "alice", "--at", at.Format("2006-01-02T15:04"), "--zone", "Asia/Tokyo")); !slices.Equal(got, []string{"request is accepted; see: tandem pint list"}) {
		t.Errorf("call --at shows %q", got)
	}
	var list []struct {
		ID  string
		Due time.Time
	}
	harness.Wait(t, "it waits for its time", func() bool {
		err := json.Unmarshal([]byte(p.Run("pint", "list", "--user", "alice", "--state", "scheduled", "-o", "json")), &list)
		return err == nil && len(list) == 1
	})
	if !list[0].Due.Equal(at) {
		t.Errorf("it begins at %s, want %s", list[0].Due, at)
	}
	if got := p.Run("pint", "cancel", list[0].ID); got != "cancelled\n" {
		t.Errorf("cancel says %q", got)
	}
	if got := p.Run("pint", "show", list[0].ID); !strings.Contains(got, "cancelled by local:") {
		t.Errorf("show says\n%s", got)
	}
	if o := <-ask("call", "0345 123458", "+447700900123"); o.Code == 0 || !strings.Contains(o.Stderr, "tandem pint numbers add") {
		t.Errorf("a refusal says %q", o.Stderr)
	}
	if o := <-ask("call", "0345 123458", "+44"); o.Code == 0 || !strings.Contains(o.Stderr, "too short") {
		t.Errorf("a refusal says %q", o.Stderr)
	}

	var counters []map[string]any
	if err := json.Unmarshal([]byte(p.Run("pint", "stats", "--table", "user", "-o", "json")), &counters); err != nil {
		t.Fatal(err)
	}
	calls := slices.IndexFunc(counters, func(c map[string]any) bool {
		return c["name"] == "sip:alice@"+harness.Domain && c["service"] == "r2c" && c["period"] == "sinceReboot"
	})
	if calls < 0 {
		t.Fatalf("counted are %v", counters)
	}
	for name, want := range map[string]float64{"callsReceived": 4, "successfulCalls": 1, "disconnectedCalls": 3, "disCUAutFCalls": 1, "disServProbCalls": 0, "disGatProbCalls": 0} {
		if got := counters[calls][name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}
