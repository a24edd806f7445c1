package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/interop/behaviour"
	"tandem/interop/report"
	"tandem/interop/suite"
)

// outcomes are what the suite reports of this server. A row that is no longer
// run, or that is run at last, has to be noted here.
var outcomes = map[report.Outcome]int{report.Passed: 391, report.Partly: 48, report.Unverified: 134, report.NotRun: 15, report.Nothing: 7}

// TestInterop runs every behaviour that can be run against a server of its own.
func TestInterop(t *testing.T) {
	rows, err := suite.Rows()
	if err != nil {
		t.Fatal(err)
	}
	l, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	results, err := suite.Run(t.Context(), &l.Target, rows, suite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := report.New("this server", time.Now(), results)
	if r.Counts[report.Failed] > 0 {
		var text bytes.Buffer
		r.Summary(&text)
		t.Error(text.String())
	}
	for _, o := range report.Outcomes {
		if r.Counts[o] != outcomes[o] {
			t.Errorf("%d rows %s, want %d", r.Counts[o], o, outcomes[o])
		}
	}
	documented(t, r)
}

// TestGatewayOverTCP: a gateway that uses TCP is played over it, called and calling.
func TestGatewayOverTCP(t *testing.T) {
	rows, err := suite.Rows()
	if err != nil {
		t.Fatal(err)
	}
	rows = slices.DeleteFunc(rows, func(b *behaviour.Behaviour) bool {
		return b.ID != "story-audiocodes-mediant-call-in" && b.ID != "story-audiocodes-mediant-call-out"
	})
	l, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	results, err := suite.Run(t.Context(), &l.Target, rows, suite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Outcome != report.Passed || len(r.Cases) != 2 {
			t.Errorf("%s: %s in %d cases, want two", r.ID, r.Outcome, len(r.Cases))
		}
	}
	invites := map[bool]int{} // by whether the gateway sent it
	for _, g := range l.Target.Gateways {
		for _, r := range g.Endpoint.Records() { // kept until it plays again
			if g.Endpoint.Proto == "TCP" && r.Proto == "TCP" && bytes.HasPrefix(r.Bytes, []byte("INVITE ")) {
				invites[r.Sent]++
			}
		}
	}
	if invites[true] != 1 || invites[false] != 1 {
		t.Errorf("%d calls of the gateway and %d to it over TCP, want one each", invites[true], invites[false])
	}
}

// TestTrunkOverTLS: a trunk is played over TLS, called and calling. It proves who it is by
// its certificate, and the sound is SRTP both ways.
func TestTrunkOverTLS(t *testing.T) {
	l, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var rows []*behaviour.Behaviour
	for _, tells := range []string{"call-in", "call-out"} {
		rows = append(rows, &behaviour.Behaviour{ID: tells, Evidence: []behaviour.Evidence{behaviour.Trace}, Family: &behaviour.Family{Name: "twilio"},
			Run: []behaviour.Case{{Over: map[string]string{"gateway": "tls"}, Story: &behaviour.Story{Device: "twilio", Tells: tells}}}})
	}
	results, err := suite.Run(t.Context(), &l.Target, rows, suite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Outcome != report.Passed {
			t.Errorf("%s: %s %s", r.ID, r.Outcome, r.Fault())
		}
	}
	secured := map[bool]int{} // INVITEs with keys, by whether the trunk sent them
	for _, g := range l.Target.Gateways {
		for _, r := range g.Endpoint.Records() {
			if r.Proto == "TLS" && bytes.HasPrefix(r.Bytes, []byte("INVITE ")) && bytes.Contains(r.Bytes, []byte(" RTP/SAVP ")) && bytes.Contains(r.Bytes, []byte("\na=crypto:")) {
				secured[r.Sent]++
			}
		}
	}
	if secured[true] == 0 || secured[false] == 0 {
		t.Errorf("%d protected calls of the trunk and %d to it over TLS, want both", secured[true], secured[false])
	}
}

// documented compares the matrix of the documentation with a run of this server, family
// by family.
func documented(t *testing.T, r *report.Report) {
	t.Helper()
	var b strings.Builder
	if err := report.Matrix(&b, r); err != nil {
		t.Fatal(err)
	}
	text := document(t)
	for _, line := range strings.Split(b.String(), "\n")[2:] { // behind the head
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("docs/interop.md has no row that begins %s; make the matrix again as it says there", line)
		}
	}
}

// The matrix in the documentation has every family with all its rows, each of them once
// for either server, and its totals are theirs. Those of this server are those above.
func TestDocumentedMatrix(t *testing.T) {
	rows, err := suite.Rows()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{"all": len(rows)}
	for _, b := range rows {
		count[b.Family.Name]++
	}
	table := matrix(t)
	if len(table) != len(count) {
		t.Errorf("the matrix of docs/interop.md has %d rows, want %d", len(table), len(count))
	}
	sum := make([]int, columns)
	for name, want := range count {
		cells := table[name]
		if cells == nil {
			t.Errorf("docs/interop.md has no row for %s", name)
			continue
		}
		for server, of := range map[string][]int{"Tandem": cells[1:5], "Kamailio": cells[5:]} {
			if got := of[0] + of[1] + of[2] + of[3]; cells[0] != want || got != want {
				t.Errorf("docs/interop.md: %s has %d rows, and %d outcomes of %s; it has %d", name, cells[0], got, server, want)
			}
		}
		if name != "all" {
			for i, n := range cells {
				sum[i] += n
			}
		}
	}
	if !slices.Equal(sum, table["all"]) {
		t.Errorf("docs/interop.md: the families together are %v, and the row for all says %v", sum, table["all"])
	}
	here := []int{outcomes[report.Passed] + outcomes[report.Partly], outcomes[report.Unverified], outcomes[report.Failed], outcomes[report.NotRun] + outcomes[report.Nothing]}
	if all := table["all"]; all != nil && !slices.Equal(all[1:5], here) {
		t.Errorf("docs/interop.md says that %v passed, passed unverified, failed and were not run; it is %v", all[1:5], here)
	}
}

// columns are those of the matrix with a number: the rows, and four outcomes of each of
// two servers.
const columns = 9

// matrix is the table of the documentation by family.
func matrix(t *testing.T) map[string][]int {
	t.Helper()
	table := map[string][]int{}
	_, rest, _ := strings.Cut(document(t), "\n| family | rows |")
	rest, _, _ = strings.Cut(rest, "\n\n")
	for _, line := range strings.Split(rest, "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != columns+1 {
			t.Fatalf("docs/interop.md: %s has %d cells", line, len(cells))
		}
		numbers := make([]int, columns)
		for i, c := range cells[1:] {
			if c = strings.TrimSpace(c); c == "" {
				continue
			}
			n, err := strconv.Atoi(c)
			if err != nil {
				t.Fatalf("docs/interop.md: %s: %v", line, err)
			}
			numbers[i] = n
		}
		table[strings.TrimSpace(cells[0])] = numbers
	}
	return table
}

func document(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "interop.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
