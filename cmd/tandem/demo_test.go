package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

// TestDemoOnce makes the whole call: phone, server, gateway, audio.
func TestDemoOnce(t *testing.T) {
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
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"user      alice", "password", "alice registered",
		"401 Unauthorized (REGISTER)", "407 Proxy", "INVITE sip:+49301234567", "180 Ringing (INVITE)", "200 OK (BYE)",
		"523", "440", "0 of ", "chirps echoed", "verdict   good",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, out.String())
		}
	}
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
