package probe

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/media"
	"tandem/media/codec"
	"tandem/media/ng"
	"tandem/media/relay"
	"tandem/test/realtime"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// ports is how many a relay has.
const ports = 200

// block finds so many free ports in a row that a relay can have them all, none of which
// the kernel gives to others. It returns the first. Another relay on this machine takes
// ports at random from the whole of the default range, so that above is tried as well.
func block(t *testing.T) int {
	t.Helper()
	var starts []int
	for _, span := range [][2]int{{20000, 32767}, {61000, 65535}} {
		for first := span[0]; first+ports <= span[1]; first += ports {
			starts = append(starts, first)
		}
	}
	for _, i := range rand.Perm(len(starts)) {
		if free(starts[i]) {
			return starts[i]
		}
	}
	t.Fatalf("no %d ports in a row are free", ports)
	return 0
}

func free(first int) bool {
	for port := first; port < first+ports; port++ {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback.AsSlice(), Port: port})
		if err != nil {
			return false
		}
		conn.Close()
	}
	return true
}

// ours runs our relay and returns its control port.
func ours(t *testing.T) string {
	t.Helper()
	first := block(t)
	m, err := media.New(media.Config{PortMin: first, PortMax: first + ports - 1, Kernel: "off", Interfaces: []relay.Interface{{Name: "default", Bind: loopback}}})
	if err != nil {
		t.Fatal(err)
	}
	control, err := ng.Listen("127.0.0.1:0", m, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- m.Run(ctx) }()
	go func() { done <- control.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n := len(m.Sessions()); n != 0 {
			t.Errorf("%d sessions stay open", n)
		}
	})
	return control.Addr().String()
}

// peer runs rtpengine, where it is installed.
func peer(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("rtpengine")
	if err != nil {
		t.Fatal("rtpengine is not installed; run: make peers")
	}
	first := block(t)
	addr := netip.AddrPortFrom(loopback, uint16(first)).String()
	cmd := exec.Command(path, "--config-file=none", "--interface=127.0.0.1", "--listen-ng="+addr, "--table=-1", "--foreground", "--log-stderr", "--log-level=3",
		"--num-threads=1", "--port-min="+strconv.Itoa(first+2), "--port-max="+strconv.Itoa(first+ports-1), "--pidfile="+filepath.Join(t.TempDir(), "pid"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	client, err := ng.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := ping(t.Context(), client, addr); err != nil {
		t.Fatal(err)
	}
	return addr
}

// The same calls through both relays.
func TestRun(t *testing.T) {
	for name, start := range map[string]func(*testing.T) string{"tandem": ours, "rtpengine": peer} {
		t.Run(name, func(t *testing.T) {
			addr := start(t)
			t.Run("calls", func(t *testing.T) {
				for _, p := range []Plan{{CodecA: "PCMU", CodecB: "PCMU"}, {CodecA: "PCMU", CodecB: "PCMU", SDES: true}, {CodecA: "PCMA", CodecB: "G722"}, {CodecA: "opus", CodecB: "PCMU", SDES: true}} {
					t.Run(fmt.Sprintf("%s to %s, SRTP %t", p.CodecA, p.CodecB, p.SDES), func(t *testing.T) {
						if _, err := codec.Library(); err != nil && p.CodecA == "opus" {
							t.Fatalf("%v; run: make peers", err)
						}
						t.Parallel()
						p.NG, p.Bind, p.Seconds = addr, loopback, 3
						realtime.Measure(t, func(t *testing.T) (wrong []string) {
							r, err := Run(t.Context(), p)
							if err != nil {
								t.Fatal(err)
							}
							for end, h := range map[string]Heard{"A": r.A, "B": r.B} {
								// rtpengine makes stereo of what it speaks in Opus, each channel 3 dB
								// softer, which the probe is right to find.
								if name == "rtpengine" && h.Codec == "opus" && strings.Contains(h.Fault, "hears -18.") {
									h.Fault = ""
								}
								if h.Fault != "" || h.Delay <= 0 || h.Delay > 500*time.Millisecond {
									wrong = append(wrong, fmt.Sprintf("%s: %+v", end, h))
								}
							}
							return wrong
						})
					})
				}
			})
		})
	}
}

func TestNobody(t *testing.T) {
	_, err := Run(t.Context(), Plan{NG: "127.0.0.1:1", Bind: loopback, CodecA: "PCMU", CodecB: "PCMU", Seconds: 2})
	if err == nil || !strings.Contains(err.Error(), "tandem media serve") {
		t.Errorf("without a relay: %v", err)
	}
}

func TestFaults(t *testing.T) {
	a, err := newEnd(loopback, "PCMU", toneA, false)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	b, err := newEnd(loopback, "PCMU", toneB, false)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if h := a.judge(b); !strings.Contains(h.Fault, "hears nothing") {
		t.Errorf("a deaf end: %+v", h)
	}
	// Each hears itself: a relay that sends packets back.
	a.to, b.to = netip.MustParseAddrPort(a.conn.LocalAddr().String()), netip.MustParseAddrPort(b.conn.LocalAddr().String())
	if err := talk(t.Context(), 3*time.Second, a, b); err != nil {
		t.Fatal(err)
	}
	if h := a.judge(b); !strings.Contains(h.Fault, "instead of 440") {
		t.Errorf("an end that hears itself: %+v", h)
	}
	if _, err := newEnd(loopback, "AMR", toneA, false); err == nil || !strings.Contains(err.Error(), "use one of") {
		t.Errorf("a codec that is not there: %v", err)
	}
}
