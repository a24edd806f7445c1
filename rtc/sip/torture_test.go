package sip

import (
	"bytes"
	"testing"

	"tandem/rtc/sip/torture"
)

// refused are the torture messages that Parse and Check refuse whatever the
// role, with the status; 0 discards. All others pass: what else is wrong with
// them concerns the layers above.
var refused = map[string]int{
	"badinv01":   400,
	"clerr":      400,
	"ncl":        400,
	"scalar02":   400,
	"scalarlg":   0,
	"quotbal":    400,
	"ltgtruri":   400,
	"lwsruri":    400,
	"lwsstart":   400,
	"trws":       400,
	"escruri":    400,
	"badaspec":   400,
	"baddn":      400,
	"badvers":    505,
	"mismatch01": 400,
	"mismatch02": 501,
	"bigcode":    0,
	"badbranch":  400,
	"insuf":      400,
	"multi01":    400,
	"mcl01":      400,
	"ipv6-bad":   400,
}

func accept(m *Message, b []byte) *Error {
	if err := m.Parse(b); err != nil {
		return err
	}
	return m.Check()
}

func TestTorture(t *testing.T) {
	for _, c := range torture.All() {
		t.Run(c.Name, func(t *testing.T) {
			var m Message
			err := accept(&m, c.Bytes())
			code, no := refused[c.Name]
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

// TestTortureTable compares the table above with that of the RFCs.
func TestTortureTable(t *testing.T) {
	for _, c := range torture.All() {
		_, no := refused[c.Name]
		switch c.Parse {
		case torture.Reject, torture.Discard:
			if !no {
				t.Errorf("%s must be refused", c.Name)
			}
		case torture.Accept:
			if no && c.Code != 400 && c.Code != 505 {
				t.Errorf("%s must be accepted", c.Name)
			}
		}
	}
}
