package forwarder

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"tandem/media/internal/rtptest"
	"tandem/media/rewrite"
)

// frame builds an Ethernet frame with a UDP datagram, checksums and all.
func frame(from, to netip.AddrPort, payload []byte) []byte {
	b := make([]byte, ethernet)
	l := four
	if from.Addr().Is6() {
		l = six
		binary.BigEndian.PutUint16(b[12:], 0x86dd)
		b = append(b, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(udpHeader+len(payload)))
		b = append(b, protoUDP, 64)
	} else {
		binary.BigEndian.PutUint16(b[12:], 0x0800)
		b = append(b, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(20+udpHeader+len(payload)))
		b = append(b, 1, 2, 0x40, 0, 64, protoUDP, 0, 0)
	}
	b = append(append(b, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	b = binary.BigEndian.AppendUint16(b, to.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(udpHeader+len(payload)))
	b = append(append(b, 0, 0), payload...)
	seal(l, b)
	return b
}

// seal sets the checksums of a frame.
func seal(l layout, b []byte) {
	if l == four {
		b[24], b[25] = 0, 0
		binary.BigEndian.PutUint16(b[24:], ^sum16(0, b[14:34]))
	}
	b[l.udp+6], b[l.udp+7] = 0, 0
	sum := ^sumUDP(l, b)
	if sum == 0 {
		sum = 0xffff // zero would mean that there is no checksum (RFC 768)
	}
	binary.BigEndian.PutUint16(b[l.udp+6:], sum)
}

func sumUDP(l layout, b []byte) uint16 {
	pseudo := append([]byte(nil), b[l.source:l.source+2*l.address]...)
	pseudo = append(pseudo, 0, protoUDP, b[l.udp+4], b[l.udp+5])
	return sum16(uint32(sum16(0, pseudo)), b[l.udp:])
}

// sum16 is the Internet checksum, not inverted (RFC 1071).
func sum16(sum uint32, b []byte) uint16 {
	for i, c := range b {
		if i%2 == 0 {
			sum += uint32(c) << 8
		} else {
			sum += uint32(c)
		}
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

// lone loads the program with one flow on loopback. It is attached to no interface: run
// gives it its packets.
func lone(t testing.TB, addr netip.Addr) (*Forwarder, Flow, *Entry) {
	w, err := Load(40000, 40099)
	if errors.Is(err, unix.EPERM) {
		t.Skipf("CANNOT RUN HERE: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	f := Flow{From: netip.AddrPortFrom(addr, 5000), In: netip.AddrPortFrom(addr, 40010), Out: netip.AddrPortFrom(addr, 40020), To: netip.AddrPortFrom(addr, 6000),
		Types: rewrite.Same(), Offsets: rewrite.Offsets{In: 0x01020304, Out: 0xa0b0c0d0, Sequence: 0xfff0, Timestamp: 0xffff_ff00},
		Clock: 8000, DSCP: 46, Arrive: Loopback, MTU: 65536}
	f.Types[8], f.Types[13] = 118, rewrite.Drop
	e, err := w.Add(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Add(f); !errors.Is(err, ErrExists) {
		t.Errorf("the same flow once more: %v", err)
	}
	return w, f, e
}

var loopback = netip.MustParseAddr("127.0.0.1")

func TestProgram(t *testing.T) {
	for _, addr := range []netip.Addr{loopback, netip.IPv6Loopback()} {
		t.Run(addr.String(), func(t *testing.T) {
			p, f, o := lone(t, addr)
			l := layoutOf(addr)
			for n := range 300 {
				payload := rtptest.Packet(f.Offsets.In, uint16(rand.Uint32()), rand.Uint32(), 8)[:rtpHeader]
				for range n {
					payload = append(payload, byte(rand.Uint32()))
				}
				b := frame(f.From, f.In, payload)
				got := run(t, p, b)
				if bytes.Equal(got, b) {
					t.Fatalf("payload %d: not forwarded", len(payload))
				}
				want := frame(f.Out, f.To, nil)
				if !bytes.Equal(got[l.source:l.udp+4], want[l.source:l.udp+4]) {
					t.Fatalf("addresses % x, want % x", got[l.source:l.udp+4], want[l.source:l.udp+4])
				}
				if l == four && sum16(0, got[14:34]) != 0xffff {
					t.Fatal("the IP checksum is wrong")
				}
				if sumUDP(l, got) != 0xffff {
					t.Fatalf("payload %d: the UDP checksum is wrong", len(payload))
				}
				if got[l.hops] != 63 || l == four && got[15] != 46<<2 || l == six && (got[14] != 0x6b || got[15] != 0x80) {
					t.Fatalf("header % x", got[14:l.source])
				}
			}
			if c, _ := o.Counters(); c.Packets != 300 {
				t.Errorf("counters %+v", c)
			}
		})
	}
}

// run gives the program one frame.
func run(t testing.TB, p *Forwarder, b []byte) []byte {
	t.Helper()
	verdict, got, err := p.program.Test(b)
	if errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, unix.EPERM) {
		t.Skipf("CANNOT RUN HERE: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if int32(verdict) != tcxNext {
		t.Fatalf("verdict %d", int32(verdict))
	}
	return got
}

// What is in any way odd goes up as it came.
func TestProgramLeavesAlone(t *testing.T) {
	for _, addr := range []netip.Addr{loopback, netip.IPv6Loopback()} {
		t.Run(addr.String(), func(t *testing.T) {
			p, f, o := lone(t, addr)
			l := layoutOf(addr)
			good := frame(f.From, f.In, rtptest.Packet(f.Offsets.In, 1, 1, 8))
			set := func(at int16, v byte) func(b []byte) []byte {
				return func(b []byte) []byte { b[at] = v; return b }
			}
			cases := map[string]func(b []byte) []byte{
				"one hop left":        set(l.hops, 1),
				"TCP":                 set(map[bool]int16{true: 23, false: 20}[l == four], 6),
				"another version":     set(14, 0x55),
				"source port":         set(l.udp, 1),
				"source":              set(l.source+l.address-1, 99),
				"destination":         set(l.destination+l.address-1, 99),
				"port below all":      set(l.udp+2, 1),
				"port above all":      set(l.udp+2, 255),
				"UDP shorter than IP": set(l.udp+5, 50),
				"RTP version 1":       set(l.rtp(), 0x40),
				"another SSRC":        set(l.rtp()+8, 99),
				"a type to drop":      set(l.rtp()+1, 13),
				"RTCP":                set(l.rtp()+1, 200),
				"cut short":           func(b []byte) []byte { return b[:len(b)-1] },
				"half an RTP header":  func(b []byte) []byte { return frame(f.From, f.In, b[l.rtp():l.rtp()+11]) },
			}
			if l == four {
				cases["options"] = set(14, 0x46)
				cases["a first fragment"] = set(20, 0x20)
				cases["a later fragment"] = set(21, 1)
				cases["a broken IP header"] = set(25, good[25]+1)
			}
			for name, change := range cases {
				b := change(bytes.Clone(good))
				if name != "a broken IP header" && l == four && len(b) == len(good) {
					b[24], b[25] = 0, 0
					binary.BigEndian.PutUint16(b[24:], ^sum16(0, b[14:34]))
				}
				if got := run(t, p, b); !bytes.Equal(got, b) {
					t.Errorf("%s: forwarded", name)
				}
			}
			if c, _ := o.Counters(); c.Packets != 0 {
				t.Errorf("counters %+v", c)
			}
			if got := run(t, p, good); bytes.Equal(got, good) {
				t.Error("the good one was not forwarded")
			}
			if l == four { // no checksum stays none
				b := bytes.Clone(good)
				b[40], b[41] = 0, 0
				if got := run(t, p, b); bytes.Equal(got, b) || got[40] != 0 || got[41] != 0 {
					t.Errorf("checksum % x", got[40:42])
				}
			}
		})
	}
}
