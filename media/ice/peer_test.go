package ice

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
)

// mark is a datagram by which a test knows that those before it were read.
const mark = "mark"

// host is a lite agent on a socket of its own, and what it saw.
type host struct {
	t      *testing.T
	socket *net.UDPConn

	mu        sync.Mutex
	agent     *Agent
	nominated int
	data      []string
	marked    bool // all that came before a mark has been seen
	deaf      bool
}

func serve(t *testing.T, network string, at net.IP) *host {
	t.Helper()
	socket, err := net.ListenUDP(network, &net.UDPAddr{IP: at})
	if err != nil {
		t.Skipf("no %s here: %v", network, err)
	}
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, socket: socket, agent: a}
	ended := make(chan struct{})
	go func() { defer close(ended); h.receive() }()
	t.Cleanup(func() { socket.Close(); <-ended })
	return h
}

func (h *host) receive() {
	buf, out := make([]byte, 2048), make([]byte, 0, 256)
	for {
		n, from, err := h.socket.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		h.mu.Lock()
		if ufrag, ok := Username(buf[:n]); ok && ufrag != h.agent.Ufrag {
			h.t.Errorf("check for %q", ufrag)
		}
		switch {
		case string(buf[:n]) == mark:
			h.marked = true
		case buf[0] > 3:
			if from == h.agent.Selected() {
				h.data = append(h.data, string(buf[:n]))
			}
		case !h.deaf:
			reply, nominated := h.agent.Packet(out, buf[:n], from, time.Now())
			if nominated {
				h.nominated++
			}
			if len(reply) > 0 {
				_, _ = h.socket.WriteToUDPAddrPort(reply, from)
			}
		}
		h.mu.Unlock()
	}
}

func (h *host) addr() netip.AddrPort { return h.socket.LocalAddr().(*net.UDPAddr).AddrPort() }

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 1500 {
		if f() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal(what)
}

// full is a full agent, controlling, that knows the host as its one candidate.
func full(t *testing.T, kind ice.NetworkType, h *host) *ice.Agent {
	t.Helper()
	keep, gone := 200*time.Millisecond, time.Minute
	a, err := ice.NewAgentWithOptions(ice.WithNetworkTypes([]ice.NetworkType{kind}), ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithIncludeLoopback(), ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled), ice.WithKeepaliveInterval(keep), ice.WithDisconnectedTimeout(gone), ice.WithFailedTimeout(gone))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	invite(t, a, h)
	return a
}

// invite exchanges credentials and candidates, as SDP would.
func invite(t *testing.T, a *ice.Agent, h *host) {
	t.Helper()
	ufrag, pwd, err := a.GetLocalUserCredentials()
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.agent.Remote(ufrag, pwd)
}

func dial(t *testing.T, a *ice.Agent, h *host) *ice.Conn {
	t.Helper()
	if err := a.OnCandidate(func(ice.Candidate) {}); err != nil {
		t.Fatal(err)
	}
	if err := a.GatherCandidates(); err != nil {
		t.Fatal(err)
	}
	offer(t, a, h)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := a.Dial(ctx, h.agent.Ufrag, h.agent.Pwd)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func offer(t *testing.T, a *ice.Agent, h *host) {
	t.Helper()
	c, err := ice.NewCandidateHost(&ice.CandidateHostConfig{Network: "udp", Address: h.addr().Addr().String(), Port: int(h.addr().Port()), Component: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.AddRemoteCandidate(c); err != nil {
		t.Fatal(err)
	}
}

func TestAgainstAFullAgent(t *testing.T) {
	for name, c := range map[string]struct {
		network string
		at      net.IP
		kind    ice.NetworkType
	}{"v4": {"udp4", net.IPv4(127, 0, 0, 1), ice.NetworkTypeUDP4}, "v6": {"udp6", net.IPv6loopback, ice.NetworkTypeUDP6}} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, c.network, c.at)
			a := full(t, c.kind, h)
			conn := dial(t, a, h)
			eventually(t, "nothing was nominated", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.nominated > 0 })
			if _, err := conn.Write([]byte("\x80 media")); err != nil {
				t.Fatal(err)
			}
			eventually(t, "nothing came from the selected pair", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return len(h.data) > 0 })
			h.mu.Lock()
			first, to := h.agent.Consent(), h.agent.Selected()
			h.mu.Unlock()
			if _, err := h.socket.WriteToUDPAddrPort([]byte("\x80 back"), to); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 100)
			if n, err := conn.Read(buf); err != nil || string(buf[:n]) != "\x80 back" {
				t.Fatal(string(buf[:n]), err)
			}
			eventually(t, "consent does not go on", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.agent.Consent().After(first) })
		})
	}
}

// A restart of the full agent is followed, with new credentials on both ends.
func TestRestartOfAFullAgent(t *testing.T) {
	h := serve(t, "udp4", net.IPv4(127, 0, 0, 1))
	a := full(t, ice.NetworkTypeUDP4, h)
	dial(t, a, h)
	eventually(t, "nothing was nominated", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.nominated > 0 })
	if err := a.Restart("", ""); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	h.nominated = 0
	if err := h.agent.Restart(); err != nil {
		t.Fatal(err)
	}
	ufrag, pwd := h.agent.Ufrag, h.agent.Pwd
	h.mu.Unlock()
	invite(t, a, h)
	if err := a.SetRemoteCredentials(ufrag, pwd); err != nil {
		t.Fatal(err)
	}
	if err := a.GatherCandidates(); err != nil {
		t.Fatal(err)
	}
	offer(t, a, h)
	eventually(t, "nothing was nominated after the restart", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.nominated > 0 })
}

// When the full agent falls silent consent stops, and the owner sees it.
func TestConsentStops(t *testing.T) {
	h := serve(t, "udp4", net.IPv4(127, 0, 0, 1))
	a := full(t, ice.NetworkTypeUDP4, h)
	dial(t, a, h)
	eventually(t, "nothing was nominated", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.nominated > 0 })
	_ = a.Close()
	if _, err := h.socket.WriteToUDPAddrPort([]byte(mark), h.addr()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the mark was not read", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.marked })
	h.mu.Lock()
	last := h.agent.Consent()
	h.mu.Unlock()
	time.Sleep(600 * time.Millisecond)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.agent.Consent().Equal(last) || last.IsZero() {
		t.Error("consent without checks")
	}
}
