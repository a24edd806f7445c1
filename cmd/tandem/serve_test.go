package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is tandem itself when a test runs it as a process of its own.
func TestMain(m *testing.M) {
	if line := os.Getenv("TANDEM_TEST_COMMAND"); line != "" {
		os.Exit(run(strings.Split(line, " ")))
	}
	os.Exit(m.Run())
}

// TestDrain: one SIGTERM lets a call that rings go on, and the server says it
// is not ready; the second one ends it.
func TestDrain(t *testing.T) {
	gateway, phone := listenUDP(t), listenUDP(t)
	sipAddr, httpAddr := listenUDP(t), listenTCP(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "tandem.yaml")
	text := fmt.Sprintf(`data: %s
listen:
  - {proto: udp, addr: "%s", trusted: [127.0.0.1]}
http: {addr: "%s"}
routes: [{name: gateway, match: {domain: partner.example}, next_hop: "sip:%s"}]
`, filepath.Join(dir, "var"), sipAddr.LocalAddr(), httpAddr, gateway.LocalAddr())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sipAddr.Close()
	var log bytes.Buffer
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), "TANDEM_TEST_COMMAND=serve -c "+config)
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	defer server.Process.Kill()
	await(t, "ready", func() bool { return ready(httpAddr) == "ok" })

	to, err := net.ResolveUDPAddr("udp", sipAddr.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	invite := fmt.Sprintf("INVITE sip:x@partner.example SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bKdrain\r\nMax-Forwards: 70\r\n"+
		"From: <sip:x@elsewhere.example>;tag=1\r\nTo: <sip:x@partner.example>\r\nCall-ID: drain\r\nCSeq: 1 INVITE\r\nContact: <sip:x@%[2]s>\r\nContent-Length: 0\r\n\r\n",
		to, phone.LocalAddr())
	if _, err := phone.WriteToUDP([]byte(invite), to); err != nil {
		t.Fatal(err)
	}
	ring(t, gateway)

	server.Process.Signal(syscall.SIGTERM)
	await(t, "draining", func() bool { return strings.Contains(ready(httpAddr), "draining") })
	select {
	case err := <-ended:
		t.Fatalf("ended while a call was ringing: %v\n%s", err, log.String())
	case <-time.After(500 * time.Millisecond):
	}
	server.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the exit code is not 0: %v\n%s", err, log.String())
		}
	case <-time.After(10 * time.Second):
		t.Error("the second signal did not end it")
	}
}

// ring answers the INVITE that reaches the gateway with 180.
func ring(t *testing.T, gateway *net.UDPConn) {
	t.Helper()
	gateway.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 65535)
	n, from, err := gateway.ReadFromUDP(b)
	if err != nil {
		t.Fatal(err)
	}
	answer := "SIP/2.0 180 Ringing\r\n"
	for _, line := range strings.Split(string(b[:n]), "\r\n") {
		for _, name := range []string{"Via:", "From:", "To:", "Call-ID:", "CSeq:", "Record-Route:"} {
			if strings.HasPrefix(line, name) {
				answer += line + "\r\n"
			}
		}
	}
	if _, err := gateway.WriteToUDP([]byte(answer+"Content-Length: 0\r\n\r\n"), from); err != nil {
		t.Fatal(err)
	}
}

// ready is what /readyz says, "" when nobody answers.
func ready(addr string) string {
	r, err := http.Get("http://" + addr + "/readyz")
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return strings.TrimSpace(string(b))
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never came to be: " + what)
		}
	}
}

func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// listenTCP is a free address for the server to listen on.
func listenTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
