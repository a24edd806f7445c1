package sip

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tortureDir finds the torture messages in a folder shared/torture beside or
// above the checkout.
func tortureDir(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		d := filepath.Join(dir, "shared", "torture")
		if s, err := os.Stat(d); err == nil && s.IsDir() {
			return d
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no folder shared/torture in any parent: the RFC 4475 and RFC 5118 messages are not tested")
		}
		dir = up
	}
}

func torture(t testing.TB, name string) []byte {
	b, err := os.ReadFile(filepath.Join(tortureDir(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refused are the torture messages that Parse and Check refuse whatever the
// role, with the status; 0 discards. All others pass: what else is wrong with
// them concerns the layers above.
var refused = map[string]int{
	"rfc4475/badinv01.dat":   400,
	"rfc4475/clerr.dat":      400,
	"rfc4475/ncl.dat":        400,
	"rfc4475/scalar02.dat":   400,
	"rfc4475/scalarlg.dat":   0,
	"rfc4475/quotbal.dat":    400,
	"rfc4475/ltgtruri.dat":   400,
	"rfc4475/lwsruri.dat":    400,
	"rfc4475/lwsstart.dat":   400,
	"rfc4475/trws.dat":       400,
	"rfc4475/escruri.dat":    400,
	"rfc4475/badaspec.dat":   400,
	"rfc4475/baddn.dat":      400,
	"rfc4475/badvers.dat":    505,
	"rfc4475/mismatch01.dat": 400,
	"rfc4475/mismatch02.dat": 501,
	"rfc4475/bigcode.dat":    0,
	"rfc4475/badbranch.dat":  400,
	"rfc4475/insuf.dat":      400,
	"rfc4475/multi01.dat":    400,
	"rfc4475/mcl01.dat":      400,
	"rfc5118/ipv6-bad.dat":   400,

	"extra/baddn_terminated.dat": 400,
}

func accept(m *Message, b []byte) *Error {
	if err := m.Parse(b); err != nil {
		return err
	}
	return m.Check()
}

func TestTorture(t *testing.T) {
	dir := tortureDir(t)
	seen := 0
	for _, suite := range []string{"rfc4475", "rfc5118", "extra"} {
		files, err := filepath.Glob(filepath.Join(dir, suite, "*.dat"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name := suite + "/" + filepath.Base(file)
			seen++
			t.Run(name, func(t *testing.T) {
				var m Message
				err := accept(&m, torture(t, name))
				code, no := refused[name]
				switch {
				case !no && err != nil:
					t.Fatalf("refused with %d %s", err.Code, err.Reason)
				case no && err == nil:
					t.Fatal("accepted")
				case no && (err.Code != code || err.Reason == ""):
					t.Fatalf("refused with %d %q, want %d", err.Code, err.Reason, code)
				case no:
					t.Logf("%d %s", err.Code, err.Reason)
				}
				if err != nil && err.Code != 0 {
					answers(t, &m, err)
				}
			})
		}
	}
	if seen != 62 {
		t.Errorf("%d torture messages, want 49 + 12 + 1", seen)
	}
}

// answers checks that a refused request gets a response that can be parsed.
func answers(t *testing.T, m *Message, e *Error) {
	out := AppendResponse(nil, m, Response{Code: e.Code, Reason: e.Reason, ToTag: "x"})
	var r Message
	if err := r.Parse(out); err != nil {
		t.Fatalf("response: %v\n%s", err, out)
	}
	if r.StatusCode() != e.Code || r.Count(HdrVia) != m.Count(HdrVia) {
		t.Errorf("response\n%s", out)
	}
	if bytes.HasPrefix(out, []byte("SIP/2.0 400 Bad Request\r\n")) {
		t.Errorf("400 without a telling reason")
	}
}

// TestExpectedTable compares the table above with the suite's own list.
func TestExpectedTable(t *testing.T) {
	rows := strings.Split(string(torture(t, "expected.tsv")), "\n")
	n := 0
	for _, row := range rows[1:] {
		f := strings.Split(row, "\t")
		if len(f) < 9 {
			continue
		}
		n++
		name := f[0] + "/" + f[1]
		_, no := refused[name]
		switch parse := f[4]; {
		case parse == "reject" || parse == "discard":
			if !no {
				t.Errorf("%s must be refused: %s", name, f[8])
			}
		case parse == "accept" && no:
			if !strings.Contains(f[8], "400") && !strings.Contains(f[8], "505") {
				t.Errorf("%s must be accepted: %s", name, f[8])
			}
		}
	}
	if n != 61 {
		t.Errorf("%d rows, want 61", n)
	}
}
