package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
	sipAddr, httpAddr := freeAddr(t), freeAddr(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "tandem.yaml")
	text := fmt.Sprintf(`data: %s
listen:
  - {proto: udp, addr: "%s", trusted: [127.0.0.1]}
http: {addr: "%s"}
limits: {drain: 10m}
routes: [{name: gateway, match: {domain: partner.example}, next_hop: "sip:%s"}]
`, filepath.Join(dir, "var"), sipAddr, httpAddr, gateway.LocalAddr())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
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

	to, err := net.ResolveUDPAddr("udp", sipAddr)
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
	case <-time.After(patience):
		t.Error("the second signal did not end it")
	}
}

// ring answers the INVITE that reaches the gateway with 180.
func ring(t *testing.T, gateway *net.UDPConn) {
	t.Helper()
	gateway.SetReadDeadline(time.Now().Add(patience))
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
	client := http.Client{Timeout: patience}
	r, err := client.Get("http://" + addr + "/readyz")
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return strings.TrimSpace(string(b))
}

// patience is how long a test waits for what should come, on a machine that may stand
// still for a while.
const patience = 30 * time.Second

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * patience); !is(); time.Sleep(20 * time.Millisecond) {
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

// given are the ports that freeAddr has found: none is found twice.
var given sync.Map

// freeAddr is an address of loopback for a server to listen on, free for UDP and TCP. Its
// port is none that the kernel gives to clients, and so still free a moment later.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 50 {
		port := 15000 + rand.IntN(5000)
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		u, err := net.ListenPacket("udp", addr)
		l.Close()
		if err == nil {
			u.Close()
			return addr
		}
	}
	t.Fatal("no port is free for UDP and TCP")
	return ""
}
