package secure

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// program finds an independent implementation to test with.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed (make peers installs what tests need)", name)
	}
	return path
}

func loopback(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func port(c *net.UDPConn) int { return c.LocalAddr().(*net.UDPAddr).Port }

// ffmpeg has an SRTP of its own, for the two classic suites.
func TestAgainstFFmpeg(t *testing.T) {
	ffmpeg := program(t, "ffmpeg")
	for _, p := range []Profile{"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"} {
		t.Run("from/"+string(p), func(t *testing.T) { fromFFmpeg(t, ffmpeg, p) })
		t.Run("to/"+string(p), func(t *testing.T) { toFFmpeg(t, ffmpeg, p) })
	}
}

// freePair is a port that is free as the one above it is: for RTP and for RTCP.
func freePair(t *testing.T) *net.UDPAddr {
	t.Helper()
	for range 50 {
		c := loopback(t)
		at := c.LocalAddr().(*net.UDPAddr)
		next, err := net.ListenUDP("udp4", &net.UDPAddr{IP: at.IP, Port: at.Port + 1})
		c.Close()
		if err == nil {
			next.Close()
			if at.Port%2 == 0 {
				return at
			}
		}
	}
	t.Fatal("no pair of ports is free")
	return nil
}

func fromFFmpeg(t *testing.T, ffmpeg string, p Profile) {
	socket := loopback(t)
	k, _ := NewKey(p)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	suite := string(p)
	if p == "AES_CM_128_HMAC_SHA1_32" {
		// Under this name it shortens the tag of SRTCP too, which keeps 80 bits
		// (RFC 4568 §6.2); under that of DTLS it does as is written.
		suite = "SRTP_AES128_CM_HMAC_SHA1_32"
	}
	cmd := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-nostdin", "-re", "-f", "lavfi", "-i", "sine=440:r=8000:d=3", "-c:a", "pcm_mulaw", "-f", "rtp",
		"-srtp_out_suite", suite, "-srtp_out_params", strings.TrimPrefix(k.Inline(), "inline:"), fmt.Sprintf("srtp://127.0.0.1:%d?rtcpport=%d", port(socket), port(socket)))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	in, rtp, rtcp := opening(t, k), 0, 0
	buf := make([]byte, 2048)
	_ = socket.SetReadDeadline(time.Now().Add(60 * time.Second))
	for rtp < 20 || rtcp < 1 {
		n, err := socket.Read(buf)
		if err != nil {
			t.Fatalf("after %d RTP, %d RTCP: %v", rtp, rtcp, err)
		}
		if buf[1] >= 192 && buf[1] < 224 {
			if _, err := in.UnprotectRTCP(buf[:n]); err != nil {
				t.Fatal("RTCP", err)
			}
			rtcp++
			continue
		}
		if _, err := in.Unprotect(buf[:n]); err != nil {
			t.Fatal(err)
		}
		rtp++
	}
}

func toFFmpeg(t *testing.T, ffmpeg string, p Profile) {
	to := freePair(t)
	k, _ := NewKey(p)
	dir := t.TempDir()
	sdp := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/SAVP 0\r\na=crypto:1 %s %s\r\n", to.Port, p, k.Inline())
	file, wav := filepath.Join(dir, "in.sdp"), filepath.Join(dir, "out.raw")
	if err := os.WriteFile(file, []byte(sdp), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-nostdin", "-protocol_whitelist", "file,udp,rtp,srtp", "-analyzeduration", "200000",
		"-i", file, "-t", "1", "-f", "mulaw", wav)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	socket, out := loopback(t), opening(t, k)
	for seq := uint16(1); ; seq++ {
		b := rtpPacket(seq, 9, 160)
		copy(b[12:], bytes.Repeat([]byte{0x33}, 160))
		b, err := out.Protect(b)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = socket.WriteToUDP(b, to)
		select {
		case err := <-ended:
			heard, _ := os.ReadFile(wav)
			if n := bytes.Count(heard, []byte{0x33}); n < 4000 {
				t.Fatalf("heard %d of %d octets, %v: %s", n, len(heard), err, said.String())
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// pems writes an identity as OpenSSL reads it.
func pems(t *testing.T, id *Identity) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	der, err := x509.MarshalPKCS8PrivateKey(id.Certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: id.Certificate.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// said collects what a program prints.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

var material = regexp.MustCompile(`Keying material: ([0-9A-F]+)`)

// OpenSSL as the other end, client and server; its keys must be ours.
func TestAgainstOpenSSL(t *testing.T) {
	openssl := program(t, "openssl")
	for name, p := range map[string]Profile{
		"SRTP_AEAD_AES_256_GCM": "AEAD_AES_256_GCM", "SRTP_AEAD_AES_128_GCM": "AEAD_AES_128_GCM",
		"SRTP_AES128_CM_SHA1_80": "AES_CM_128_HMAC_SHA1_80", "SRTP_AES128_CM_SHA1_32": "AES_CM_128_HMAC_SHA1_32",
	} {
		for _, active := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/active=%t", name, active), func(t *testing.T) { withOpenSSL(t, openssl, name, p, active, "sha-256") })
		}
	}
	t.Run("sha-512", func(t *testing.T) {
		withOpenSSL(t, openssl, "SRTP_AEAD_AES_256_GCM", "AEAD_AES_256_GCM", false, "sha-512")
	})
}

func withOpenSSL(t *testing.T, openssl, name string, p Profile, active bool, hash string) {
	ours, theirs := identity(t), identity(t)
	cert, key := pems(t, theirs)
	s, _ := p.shape()
	socket := loopback(t)
	args := []string{"s_client", "-connect", fmt.Sprintf("127.0.0.1:%d", port(socket))}
	var peer netip.AddrPort
	if active {
		probe := loopback(t)
		peer = probe.LocalAddr().(*net.UDPAddr).AddrPort()
		probe.Close()
		args = []string{"s_server", "-verify", "1", "-verify_quiet", "-accept", peer.String()}
	}
	args = append(args, "-dtls1_2", "-use_srtp", name, "-cert", cert, "-key", key, "-mtu", "1200",
		"-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", fmt.Sprint(2*(s.key+s.salt)))
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, openssl, args...)
	output := &said{}
	cmd.Stdout, cmd.Stderr = output, output
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); cancel(); _ = cmd.Wait() }()
	h, _ := hashNamed(hash)
	party := begin(t, HandshakeConfig{Identity: ours, Active: active, Hash: hash, Fingerprint: colons(digest(h, theirs.Certificate.Certificate[0])),
		Send: func(b []byte, to netip.AddrPort) error {
			if active {
				to = peer
			}
			_, err := socket.WriteToUDPAddrPort(b, to)
			return err
		}})
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := socket.ReadFromUDPAddrPort(buf)
			if err == io.EOF || err != nil && ctx.Err() != nil || err != nil && strings.Contains(err.Error(), "closed") {
				return
			}
			if err == nil {
				party.Packet(buf[:n], from)
			}
		}
	}()
	o := party.wait(t)
	if o.err != nil || o.send.Profile != p {
		t.Fatal(o.err, o.send.Profile, output)
	}
	checkMaterial(t, output, o, s, active)
	switch {
	case active: // its server neither sends a close_notify when told to quit nor says when it got one
		return
	case hash != "sha-256":
		party.Close()
		for range 1500 {
			if strings.HasSuffix(strings.TrimSpace(output.String()), "closed") {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Error("our close_notify was not noted", output)
		return
	}
	if _, err := io.WriteString(in, "Q\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-party.gone:
	case <-time.After(30 * time.Second):
		t.Error("its close_notify was not noted")
	}
}

// checkMaterial compares our keys with what OpenSSL printed (RFC 5764 §4.2:
// client's key, server's key, client's salt, server's salt).
func checkMaterial(t *testing.T, output *said, o outcome, s shape, active bool) {
	t.Helper()
	client, server := o.receive.Master, o.send.Master
	if active {
		client, server = server, client
	}
	want := strings.ToUpper(hex.EncodeToString(bytes.Join([][]byte{client[:s.key], server[:s.key], client[s.key:], server[s.key:]}, nil)))
	for range 1500 {
		if m := material.FindStringSubmatch(output.String()); m != nil {
			if m[1] != want {
				t.Errorf("OpenSSL's keys are not ours")
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("OpenSSL printed no keys: ", output)
}

// The fingerprint of OpenSSL and ours agree.
func TestFingerprintAgainstOpenSSL(t *testing.T) {
	openssl := program(t, "openssl")
	id := identity(t)
	cert, _ := pems(t, id)
	out, err := exec.Command(openssl, "x509", "-in", cert, "-noout", "-fingerprint", "-sha256").Output()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "="+id.Fingerprint) {
		t.Errorf("%s, %v; ours %s", out, err, id.Fingerprint)
	}
}
