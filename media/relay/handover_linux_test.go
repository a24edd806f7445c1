package relay

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"tandem/media/internal/rtptest"
	"tandem/media/rewrite"
)

// handed is a side whose packets go now through user space, now through the
// kernel.
type handed struct {
	mu      sync.Mutex
	rewrite *rewrite.Stream
	in, out *Socket
	from    netip.AddrPort
	to      netip.AddrPort
	offload *Offloaded
	relayed int
}

func (h *handed) Receive(_ *Socket, b []byte, _ netip.AddrPort, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.resume()
	h.relayed++
	if h.rewrite.Apply(b, at) {
		_ = h.out.Send(b, h.to)
	}
}

// resume tells the rewrite what the kernel sent.
func (h *handed) resume() {
	if h.offload != nil {
		if c := h.offload.Counters(); c.Packets > 0 {
			h.rewrite.Resume(c.Sequence, c.Timestamp, c.LastPacket)
		}
	}
}

// swap takes the flow from the kernel or gives it there, and reports whether it is
// there now.
func (h *handed) swap(t *testing.T, p *Plane) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.offload != nil {
		h.resume()
		c := h.offload.Close()
		if c.Packets > 0 {
			h.rewrite.Resume(c.Sequence, c.Timestamp, c.LastPacket)
		}
		h.offload = nil
		return false
	}
	offsets, ok := h.rewrite.Offsets()
	if !ok {
		return false
	}
	o, err := p.Offload(Flow{In: h.in, From: h.from, Out: h.out, To: h.to, Types: rewrite.Same(), Offsets: offsets, Clock: 8000})
	if err != nil {
		t.Error(err)
		return false
	}
	h.offload = o
	return true
}

// The receiver sees one continuous stream while packets change between user
// space and kernel, and while the source changes too.
func TestHandover(t *testing.T) {
	enterSpace(t)
	p := openKernel(t, Interface{Bind: loopback})
	c, peer := dial(t, loopback), dial(t, loopback)
	h := &handed{rewrite: rewrite.New(99), from: where(c), to: where(peer)}
	h.rewrite.Clock = 8000
	var err error
	if h.in, err = p.Single("", nil, h); err != nil {
		t.Fatal(err)
	}
	if h.out, err = p.Single("", h.in, h); err != nil {
		t.Fatal(err)
	}
	serve(t, p)
	if err := peer.SetReadBuffer(200 << 10); err != nil {
		t.Fatal(err)
	}
	seen := map[uint16]bool{}
	var kernel uint64
	const each, sources = 300, 3
	for source := range uint32(sources) {
		for i := range uint32(each) {
			seq := uint16(65400 + i + source*7777)
			_, _ = c.WriteToUDPAddrPort(rtptest.Packet(source, seq, source<<29+i*160, 0), h.in.Local())
			time.Sleep(500 * time.Microsecond)
			if i%37 == 36 {
				h.mu.Lock()
				if h.offload != nil {
					kernel += h.offload.Counters().Packets
				}
				h.mu.Unlock()
				h.swap(t, p)
			}
		}
		if h.offload != nil {
			kernel += h.offload.Counters().Packets
			h.swap(t, p)
		}
		drain(t, peer, seen)
	}
	h.mu.Lock()
	relayed := h.relayed
	h.mu.Unlock()
	if kernel < each || relayed < each/2 {
		t.Errorf("%d packets through the kernel, %d through user space", kernel, relayed)
	}
	first := uint16(65400)
	for i := range uint16(len(seen)) {
		if !seen[first+i] {
			t.Fatalf("of %d packets number %d is missing", len(seen), i)
		}
	}
	// A change of source costs the packets of 30 ms, no more.
	if len(seen) < each*sources-(sources-1)*100 {
		t.Errorf("only %d of %d packets came", len(seen), each*sources)
	}
}

// drain notes what came, by sequence number.
func drain(t *testing.T, peer *net.UDPConn, seen map[uint16]bool) {
	t.Helper()
	b := make([]byte, 2048)
	for silent := 0; silent < 3; { // a deadline may pass on a busy machine before anything is read
		_ = peer.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := peer.Read(b); err != nil {
			silent++
			continue
		}
		silent = 0
		seq := binary.BigEndian.Uint16(b[2:])
		if ssrc := binary.BigEndian.Uint32(b[8:]); ssrc != 99 || seen[seq] {
			t.Fatalf("number %d of SSRC %d, seen before: %v", seq, ssrc, seen[seq])
		}
		seen[seq] = true
	}
}
