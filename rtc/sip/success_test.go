package sip

import (
	"strings"
	"testing"
)

const success = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKone;rport=5060\r\n" +
	"From: <sip:bob@example.com>;tag=b\r\nTo: <sip:alice@example.com>;tag=a\r\nCall-ID: call-1\r\nCSeq: 7 NOTIFY\r\nContent-Length: 0\r\n\r\n"

func TestSuccess(t *testing.T) {
	for _, with := range []string{"", "User-Agent: phone\r\n", "Contact: <sip:alice@192.0.2.1>\r\nAllow: NOTIFY\r\n"} {
		b := strings.Replace(success, "Content-Length", with+"Content-Length", 1)
		if branch, ok := Success([]byte(b), "NOTIFY"); !ok || string(branch) != "z9hG4bKone" {
			t.Errorf("with %q: %q, %v", with, branch, ok)
		}
	}
}

func TestSuccessLeftToParse(t *testing.T) {
	for _, x := range []struct{ name, from, to string }{
		{"another status", "200 OK", "202 Accepted"},
		{"provisional", "200 OK", "100 Trying"},
		{"another method", "7 NOTIFY", "7 BYE"},
		{"number too large", "7 NOTIFY", "2147483648 NOTIFY"},
		{"no number", "7 NOTIFY", "x NOTIFY"},
		{"a rate", "Content-Length", "Event: presence;min-rate=1\r\nContent-Length"},
		{"a rate in short", "Content-Length", "o: presence;min-rate=1\r\nContent-Length"},
		{"a body", "Content-Length: 0\r\n\r\n", "Content-Length: 2\r\n\r\nhi"},
		{"a body that is not there", "Length: 0", "Length: 2"},
		{"behind its end", "\r\n\r\n", "\r\n\r\nhi"},
		{"no end", "0\r\n\r\n", "0\r\n"},
		{"two Vias", "From:", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKup\r\nFrom:"},
		{"two Vias in a line", ";rport=5060", ", SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKup"},
		{"no branch", ";branch=z9hG4bKone", ""},
		{"two Call-IDs", "CSeq:", "Call-ID: call-2\r\nCSeq:"},
		{"no Call-ID", "Call-ID: call-1\r\n", ""},
		{"empty Call-ID", "call-1", ""},
		{"no To", "To: <sip:alice@example.com>;tag=a\r\n", ""},
		{"a fold", "CSeq:", " more\r\nCSeq:"},
		{"a bare LF", "\r\nCSeq:", "\nCSeq:"},
		{"a control character", "call-1", "call\x01"},
		{"short names", "Call-ID:", "i:"},
	} {
		if !strings.Contains(success, x.from) {
			t.Fatalf("%s: nothing to change", x.name)
		}
		if branch, ok := Success([]byte(strings.Replace(success, x.from, x.to, 1)), "NOTIFY"); ok {
			t.Errorf("%s: taken, with the branch %q", x.name, branch)
		}
	}
}

// What is taken is to Parse the same answer, and nothing is lost by not reading it.
func FuzzSuccess(f *testing.F) {
	seeds(f)
	f.Add([]byte(success))
	f.Fuzz(func(t *testing.T, b []byte) {
		branch, ok := Success(b, "NOTIFY")
		if !ok {
			return
		}
		m := new(Message)
		if err := m.Parse(b); err != nil {
			t.Fatalf("Parse: %v", err)
		}
		if err := m.checkPresent(); err != nil {
			t.Fatalf("checkPresent: %v", err)
		}
		if err := m.checkSingle(); err != nil {
			t.Fatalf("checkSingle: %v", err)
		}
		if m.StatusCode() != 200 || string(m.CSeqMethod()) != "NOTIFY" || m.Count(HdrVia) != 1 || m.Has(HdrEvent) || len(m.Body()) > 0 {
			t.Fatalf("taken: %q", b)
		}
		if via, ok := m.TopVia(); ok && string(via.Branch) != string(branch) && !strings.ContainsAny(string(m.Get(HdrVia)), " \"") {
			t.Fatalf("branch %q, by Parse %q", branch, via.Branch)
		}
	})
}
