package main

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"tandem/test/realtime"
)

// TestDemoOnce makes the whole call: phone, server, gateway, audio.
func TestDemoOnce(t *testing.T) {
	realtime.Measure(t, demoOnce)
}

func demoOnce(t *testing.T) (wrong []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs([]string{"demo", "--once", "--listen", addr, "--data", t.TempDir()})
	if err := root.ExecuteContext(t.Context()); err != nil {
		return []string{fmt.Sprintf("%v\n%s", err, out.String())}
	}
	for _, want := range []string{
		"user      alice", "password", "alice registered",
		"401 Unauthorized (REGISTER)", "407 Proxy", "INVITE sip:+49301234567", "180 Ringing (INVITE)", "200 OK (BYE)",
		"523", "440", "0 of ", "chirps echoed", "codecs    opus from the phone, PCMU from the gateway", "verdict   good",
	} {
		if !strings.Contains(out.String(), want) {
			wrong = append(wrong, fmt.Sprintf("output lacks %q:\n%s", want, out.String()))
		}
	}
	return wrong
}

func TestPhoneUsage(t *testing.T) {
	for _, args := range [][]string{
		{"phone", "call", "100"},
		{"phone", "call"},
		{"phone", "call", "100", "-u", "a", "--tone", "x"},
		{"phone", "call", "100", "-u", "a", "--tone", "440", "--measure"},
		{"phone", "call", "100", "-u", "a", "--dtmf", "12x"},
		{"phone", "answer", "-u", "a", "--reject", "200"},
		{"demo", "--width", "10"},
	} {
		if code := run(args); code != 2 {
			t.Errorf("%v: exit code %d, want 2", args, code)
		}
	}
}
