package mutants

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tandem/interop/report"
)

// mutant is one mistake: in a file a text takes the place of another one.
type mutant struct {
	file, old, new string
	rows           []string // families or rows that are tried
}

var mutants = map[string]mutant{
	"quoted parameters end at a semicolon": {"rtc/sip/param.go", "if i < len(p) && p[i] == '\"' {", "if i < len(p) && p[i] == 0 {", []string{"gw-cisco-via-quoted-ext", "sipgo-via-quoted-param"}},
	"a short body is refused":              {"rtc/sip/parse.go", "shortBody = 6", "shortBody = 0", []string{"sipgo-body-short"}},
	"lr has no value":                      {"rtc/proxy/recordroute.go", `";lr=on"`, `";lr"`, []string{"gw-cisco-param-value"}},
	"Timestamp does not come back":         {"rtc/sip/build.go", "b.copyFirst(req, HdrTimestamp)", "_ = HdrTimestamp", []string{"gw-cisco-timestamp"}},
	"the Contact loses its parameters":     {"rtc/registrar/read.go", "value, a.URI, j.callID", `value, bytes.SplitN(a.URI, []byte(";"), 2)[0], j.callID`, []string{"snom", "cisco-7960"}},
	"the 200 to REGISTER has no expires":   {"rtc/registrar/answer.go", `"expires="`, `"x-expires="`, []string{"polycom"}},
	"credentials need qop":                 {"rtc/auth/credentials.go", `sip.EqualFold(name, "qop")`, `string(name) == "QOP"`, []string{"any-digest-spellings"}},
	"c=0.0.0.0 is no hold":                 {"media/sdp/direction.go", "return m.Connection.IsUnspecified()", "return false", []string{"cisco-7960", "polycom", "siemens", "cisco-ios"}},
	"the version of o= stands still":       {"media/sdp/exchange/agent.go", "\t\tversion++\n", "", []string{"cisco-7960", "polycom", "siemens", "cisco-ios"}},
	"keys have no format of their own":     {"media/sdp/codec.go", `func (c Codec) Event() bool { return c.Canonical() == "telephone-event" }`, `func (c Codec) Event() bool { return false }`, []string{"cisco-ios", "cisco-7960"}},
	"REFER is not followed":                {"telephony/negotiate.go", "case sip.REFER:", "case sip.SUBSCRIBE:", []string{"ph-7960-refer"}},
	"CSeq has no leading zeros":            {"rtc/sip/value.go", "\tnumber, _ := m.cseq()\n\tu, ok := ParseUint(number, 1<<31-1)\n\treturn uint32(u), ok", "\tnumber, _ := m.cseq()\n\tu, ok := ParseUint(number, 1<<31-1)\n\treturn uint32(u), ok && (len(number) < 2 || number[0] != '0')", []string{"any-cseq-zeros"}},
}

// all are the mistakes of whoever wrote them.
func all() map[string]mutant {
	list := maps.Clone(mutants)
	maps.Copy(list, strangers)
	return list
}

// TestPlaces builds nothing: the text each mistake replaces is in its file, once.
func TestPlaces(t *testing.T) {
	for name, m := range all() {
		if _, err := m.apply(root(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMutants(t *testing.T) {
	root := root(t)
	used := map[string]bool{}
	for _, m := range all() {
		for _, row := range m.rows {
			used[row] = true
		}
	}
	var rows []string
	for row := range used {
		rows = append(rows, row)
	}
	if r := try(t, build(t, root, nil), rows); r.Counts[report.Failed] > 0 {
		t.Fatal("the server without a mistake fails rows; see: tandem interop run")
	}
	for name, m := range all() {
		t.Run(name, func(t *testing.T) {
			r := try(t, build(t, root, &m), m.rows)
			if r.Counts[report.Failed] == 0 {
				t.Errorf("the suite does not see it: %v", r.Counts)
			}
			for _, x := range r.Results {
				if x.Outcome == report.Failed {
					t.Log(x.ID)
				}
			}
		})
	}
}

// root is the folder of the module.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// apply returns the text of the file with the mistake. It is an error when the text
// it replaces is not there exactly once.
func (m *mutant) apply(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return "", fmt.Errorf("%s has %q %d times, want once", m.file, m.old, n)
	}
	return strings.Replace(string(text), m.old, m.new, 1), nil
}

// build builds the server with a mistake, nil for none.
func build(t *testing.T, root string, m *mutant) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"build", "-o", filepath.Join(dir, "tandem")}
	if m != nil {
		text, err := m.apply(root)
		if err != nil {
			t.Fatal(err)
		}
		changed := filepath.Join(dir, "changed.go")
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(root, m.file): changed}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-overlay", filepath.Join(dir, "overlay.json"))
	}
	c := exec.CommandContext(t.Context(), "go", append(args, "tandem/cmd/tandem")...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return filepath.Join(dir, "tandem")
}

// try runs rows of the suite by a program, against a server of its own.
func try(t *testing.T, program string, rows []string) *report.Report {
	t.Helper()
	args := []string{"interop", "run", "-o", "json"}
	for _, r := range rows {
		kind := "--behaviour"
		if !strings.Contains(r, "-") || r == "cisco-7960" || r == "cisco-ios" || r == "3com-phone" {
			kind = "--family"
		}
		args = append(args, kind, r)
	}
	c := exec.CommandContext(t.Context(), program, args...)
	c.Dir = t.TempDir()
	out, runErr := c.Output()
	r := new(report.Report)
	if err := json.Unmarshal(out, r); err != nil {
		t.Fatalf("%v: %v\n%s", args, runErr, out)
	}
	return r
}
