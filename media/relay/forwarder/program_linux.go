package forwarder

import (
	"encoding/binary"
	"net/netip"

	"github.com/cilium/ebpf/asm"

	"tandem/media/rewrite"
)

// Fields of struct __sk_buff.
const (
	skbLen      = 0
	skbProtocol = 16
	skbIndex    = 40
	skbData     = 76
	skbDataEnd  = 80
	skbGSOSize  = 176
)

// Verdicts of a tcx program and flags of its helpers.
const (
	tcxNext        = -1
	tcxDrop        = 2
	pseudoHeader   = 0x10 // BPF_F_PSEUDO_HDR
	keepNoChecksum = 0x20 // BPF_F_MARK_MANGLED_0: 0 is "none" in UDP
	protoUDP       = 17
)

// Places on the program's stack.
const (
	stackKey   = -40
	stackWord  = -48 // new first word of the RTP header
	stackStamp = -56 // new timestamp, as on the wire
	stackSeq   = -64 // incoming sequence number
	stackTS    = -72 // incoming timestamp
	stackDiff  = -80 // change of the UDP checksum without addresses
)

// layout holds the offsets of fields in a frame of one IP version.
type layout struct {
	name                string
	udp                 int16 // header; RTP's is 8 behind
	source, destination int16
	address             int16 // octets of one
	hops                int16
}

var (
	four = layout{name: "four", udp: 34, source: 26, destination: 30, address: 4, hops: 22}
	six  = layout{name: "six", udp: 54, source: 22, destination: 38, address: 16, hops: 21}
)

const (
	ethernet  = 14
	udpHeader = 8
	rtpHeader = 12
)

func (l layout) rtp() int16   { return l.udp + udpHeader }
func (l layout) need() int32  { return int32(l.rtp()) + rtpHeader }
func (l layout) keySize() int { return 2*int(l.address) + 4 }
func (l layout) headers() int { return int(l.rtp()) - ethernet } // of IP and UDP

// layoutOf is that of the frames of an address.
func layoutOf(addr netip.Addr) layout {
	if addr.Is6() {
		return six
	}
	return four
}

// In the program R6 is the packet's context, R7 its data, R8 the flow and R9
// the octets of payload; R0 to R5 do not outlive a call.
const (
	ctx  = asm.R6
	data = asm.R7
	flow = asm.R8
	size = asm.R9
)

// instructions are the program. Until it first changes the packet, every check that fails
// jumps to "up": the packet goes to the socket as if there were no program.
func instructions(mapFour, mapSix, low, high int) asm.Instructions {
	p := asm.Instructions{
		asm.Mov.Reg(ctx, asm.R1),
		asm.LoadMem(asm.R2, ctx, skbProtocol, asm.Word),
		asm.JEq.Imm(asm.R2, wire16(0x0800), "four"),
		asm.JEq.Imm(asm.R2, wire16(0x86dd), "six"),
		asm.Mov.Imm(asm.R0, tcxNext).WithSymbol("up"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, tcxDrop).WithSymbol("drop"),
		asm.Return(),
	}
	for _, v := range []struct {
		layout
		flows  int
		header asm.Instructions
	}{{four, mapFour, headerFour()}, {six, mapSix, headerSix()}} {
		p = append(p, v.linear()...)
		p = append(p, v.header...)
		p = append(p, v.find(v.flows, low, high)...)
		p = append(p, v.judge()...)
		p = append(p, v.prepare()...)
		p = append(p, v.count()...)
		p = append(p, v.change()...)
	}
	return p
}

// linear makes the headers readable.
func (l layout) linear() asm.Instructions {
	ready := l.name + "_linear"
	p := asm.Instructions{
		// The network stack must split a packet of several datagrams.
		asm.LoadMem(asm.R2, ctx, skbGSOSize, asm.Word).WithSymbol(l.name),
		asm.JNE.Imm(asm.R2, 0, "up"),
	}
	p = append(p, l.reach(asm.JLE, ready)...)
	p = append(p,
		asm.Mov.Reg(asm.R1, ctx),
		asm.Mov.Imm(asm.R2, l.need()),
		asm.FnSkbPullData.Call(),
		asm.JNE.Imm(asm.R0, 0, "up"),
	)
	p = append(p, l.reach(asm.JGT, "up")...)
	// A label needs an instruction.
	return append(p, asm.LoadMem(asm.R2, ctx, skbLen, asm.Word).WithSymbol(ready))
}

// reach loads the data pointers, compares the end of the headers with that of the data, and
// jumps accordingly.
func (l layout) reach(op asm.JumpOp, to string) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(data, ctx, skbData, asm.Word),
		asm.LoadMem(asm.R3, ctx, skbDataEnd, asm.Word),
		asm.Mov.Reg(asm.R2, data),
		asm.Add.Imm(asm.R2, l.need()),
		op.Reg(asm.R2, asm.R3, to),
	}
}

// headerFour checks the IPv4 header and leaves the payload's size. R2 is the
// length of the frame.
func headerFour() asm.Instructions {
	p := asm.Instructions{
		asm.LoadMem(asm.R3, data, 14, asm.Byte),
		asm.JNE.Imm(asm.R3, 0x45, "up"), // options
		asm.LoadMem(asm.R3, data, 20, asm.Half),
		asm.And.Imm(asm.R3, wire16(0x3fff)),
		asm.JNE.Imm(asm.R3, 0, "up"), // fragments
		asm.LoadMem(asm.R3, data, 23, asm.Byte),
		asm.JNE.Imm(asm.R3, protoUDP, "up"),
		asm.LoadMem(size, data, 16, asm.Half),
		asm.HostTo(asm.BE, size, asm.Half),
		asm.Mov.Reg(asm.R3, size),
		asm.Add.Imm(asm.R3, ethernet),
		asm.JLT.Reg(asm.R2, asm.R3, "up"),
		asm.LoadMem(asm.R3, data, four.udp+4, asm.Half),
		asm.HostTo(asm.BE, asm.R3, asm.Half),
		asm.Add.Imm(asm.R3, 20),
		asm.JNE.Reg(asm.R3, size, "up"),
		asm.JLT.Imm(size, 20+udpHeader+rtpHeader, "up"),
		asm.Sub.Imm(size, 20+udpHeader),
	}
	p = append(p, sumHeader()...)
	// The network stack must drop a wrong header; our change of the checksum would
	// correct it.
	return append(p, asm.JNE.Imm(asm.R4, 0xffff, "up"))
}

// headerSix does the same for IPv6.
func headerSix() asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R3, data, 14, asm.Byte),
		asm.And.Imm(asm.R3, 0xf0),
		asm.JNE.Imm(asm.R3, 0x60, "up"),
		asm.LoadMem(asm.R3, data, 20, asm.Byte),
		asm.JNE.Imm(asm.R3, protoUDP, "up"), // extension headers too
		asm.LoadMem(size, data, 18, asm.Half),
		asm.HostTo(asm.BE, size, asm.Half),
		asm.Mov.Reg(asm.R3, size),
		asm.Add.Imm(asm.R3, ethernet+40),
		asm.JLT.Reg(asm.R2, asm.R3, "up"),
		asm.LoadMem(asm.R3, data, six.udp+4, asm.Half),
		asm.HostTo(asm.BE, asm.R3, asm.Half),
		asm.JNE.Reg(asm.R3, size, "up"),
		asm.JLT.Imm(size, udpHeader+rtpHeader, "up"),
		asm.Sub.Imm(size, udpHeader),
	}
}

// sumHeader leaves the folded sum of the IPv4 header in R4.
func sumHeader() asm.Instructions {
	p := asm.Instructions{asm.Mov.Imm(asm.R4, 0)}
	for at := int16(ethernet); at < ethernet+20; at += 4 {
		p = append(p, asm.LoadMem(asm.R3, data, at, asm.Word), asm.Add.Reg(asm.R4, asm.R3))
	}
	for range 3 { // 35 bits become 20, 17, 16
		p = append(p,
			asm.Mov.Reg(asm.R3, asm.R4),
			asm.RSh.Imm(asm.R3, 16),
			asm.And.Imm(asm.R4, 0xffff),
			asm.Add.Reg(asm.R4, asm.R3),
		)
	}
	return p
}

// find looks the flow up by source, destination and ports.
func (l layout) find(flows, low, high int) asm.Instructions {
	p := asm.Instructions{
		asm.LoadMem(asm.R2, data, l.hops, asm.Byte),
		asm.JLE.Imm(asm.R2, 1, "up"),
		asm.LoadMem(asm.R2, data, l.udp+2, asm.Half),
		asm.HostTo(asm.BE, asm.R2, asm.Half),
		asm.JLT.Imm(asm.R2, int32(low), "up"),
		asm.JGT.Imm(asm.R2, int32(high), "up"),
	}
	at := int16(stackKey)
	for _, from := range []int16{l.source, l.destination} {
		for i := int16(0); i < l.address; i += 4 {
			p = append(p, asm.LoadMem(asm.R2, data, from+i, asm.Word), asm.StoreMem(asm.R10, at, asm.R2, asm.Word))
			at += 4
		}
	}
	return append(p,
		asm.LoadMem(asm.R2, data, l.udp, asm.Word),
		asm.StoreMem(asm.R10, at, asm.R2, asm.Word),
		asm.LoadMapPtr(asm.R1, flows),
		asm.Mov.Reg(asm.R2, asm.R10),
		asm.Add.Imm(asm.R2, stackKey),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "up"),
		asm.Mov.Reg(flow, asm.R0),
	)
}

// judge checks the RTP header against the flow and leaves the new second octet
// in R5.
func (l layout) judge() asm.Instructions {
	away, known := l.name+"_away", l.name+"_known"
	return asm.Instructions{
		asm.LoadMem(asm.R2, flow, atMost, asm.Word),
		asm.JGT.Reg(size, asm.R2, "up"),
		asm.LoadMem(asm.R2, data, l.rtp(), asm.Byte),
		asm.And.Imm(asm.R2, 0xc0),
		asm.JNE.Imm(asm.R2, 0x80, "up"), // version 2, RFC 3550 §5.1
		asm.LoadMem(asm.R2, data, l.rtp()+8, asm.Word),
		asm.LoadMem(asm.R3, flow, atSSRCIn, asm.Word),
		asm.JNE.Reg(asm.R2, asm.R3, "up"),
		// A packet for a socket of this machine is only forwarded on loopback. All
		// others must come by the interface that has the address, so that nobody on
		// another network, or with a loopback address, can pretend to be the source.
		asm.LoadMem(asm.R2, ctx, skbIndex, asm.Word),
		asm.JEq.Imm(asm.R2, Loopback, away),
		asm.LoadMem(asm.R3, flow, atArrive, asm.Word),
		asm.JNE.Reg(asm.R2, asm.R3, "up"),
		asm.LoadMem(asm.R3, flow, atInterface, asm.Word),
		asm.JEq.Imm(asm.R3, 0, "up"),
		asm.LoadMem(asm.R3, data, l.rtp()+1, asm.Byte).WithSymbol(away),
		asm.Mov.Reg(asm.R2, asm.R3),
		asm.And.Imm(asm.R2, 0x7f),
		asm.Mov.Reg(asm.R4, flow),
		asm.Add.Reg(asm.R4, asm.R2),
		asm.LoadMem(asm.R5, asm.R4, atTypes, asm.Byte),
		asm.JNE.Imm(asm.R5, rewrite.Drop, known),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(flow, asm.R1, asm.DWord, atPassed),
		asm.Ja.Label("up"),
		asm.And.Imm(asm.R3, 0x80).WithSymbol(known), // the marker stays
		asm.Or.Reg(asm.R5, asm.R3),
	}
}

// prepare computes the new RTP header and the change of the checksum (RFC 1624).
func (l layout) prepare() asm.Instructions {
	p := asm.Instructions{
		asm.LoadMem(asm.R2, data, l.rtp(), asm.Word),
		asm.StoreMem(asm.R10, stackWord, asm.R2, asm.Word),
		asm.StoreMem(asm.R10, stackWord+1, asm.R5, asm.Byte),
		asm.LoadMem(asm.R4, data, l.rtp()+2, asm.Half),
		asm.HostTo(asm.BE, asm.R4, asm.Half),
		asm.StoreMem(asm.R10, stackSeq, asm.R4, asm.DWord),
		asm.LoadMem(asm.R3, flow, atSequenceBy, asm.Word),
		asm.Add.Reg(asm.R4, asm.R3),
		asm.HostTo(asm.BE, asm.R4, asm.Half),
		asm.StoreMem(asm.R10, stackWord+2, asm.R4, asm.Half),
		asm.LoadMem(asm.R0, asm.R10, stackWord, asm.Word),
		asm.Xor.Imm32(asm.R2, -1),
		asm.Add.Reg(asm.R0, asm.R2),

		asm.LoadMem(asm.R2, data, l.rtp()+4, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.HostTo(asm.BE, asm.R4, asm.Word),
		asm.StoreMem(asm.R10, stackTS, asm.R4, asm.DWord),
		asm.LoadMem(asm.R3, flow, atTimestampBy, asm.Word),
		asm.Add.Reg(asm.R4, asm.R3),
		asm.HostTo(asm.BE, asm.R4, asm.Word),
		asm.StoreMem(asm.R10, stackStamp, asm.R4, asm.DWord),
		asm.Add.Reg(asm.R0, asm.R4),
		asm.Xor.Imm32(asm.R2, -1),
		asm.Add.Reg(asm.R0, asm.R2),
		asm.LoadMem(asm.R3, flow, atPortDiff, asm.Word),
		asm.Add.Reg(asm.R0, asm.R3),
	}
	for range 2 {
		p = append(p,
			asm.Mov.Reg(asm.R2, asm.R0),
			asm.RSh.Imm(asm.R2, 32),
			asm.Mov.Reg32(asm.R0, asm.R0),
			asm.Add.Reg(asm.R0, asm.R2),
		)
	}
	return append(p, asm.StoreMem(asm.R10, stackDiff, asm.R0, asm.DWord))
}

// count updates the counters of the flow: RFC 3550 Appendix A.1 and A.8, abbreviated.
func (l layout) count() asm.Instructions {
	running, ahead := l.name+"_running", l.name+"_ahead"
	positive, note, counted := l.name+"_positive", l.name+"_note", l.name+"_counted"
	return asm.Instructions{
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(flow, asm.R1, asm.DWord, atPackets),
		asm.AddAtomic.Mem(flow, size, asm.DWord, atOctets),
		asm.FnKtimeGetNs.Call(),
		asm.LoadMem(asm.R4, asm.R10, stackSeq, asm.DWord),
		asm.LoadMem(asm.R1, flow, atBase, asm.Word),
		asm.JNE.Imm(asm.R1, 0, running),
		asm.Or.Imm(asm.R4, 0x10000),
		asm.StoreMem(flow, atBase, asm.R4, asm.Word),
		asm.StoreMem(flow, atHigh, asm.R4, asm.Word),
		asm.Ja.Label(note),

		asm.LoadMem(asm.R2, flow, atHigh, asm.Word).WithSymbol(running),
		asm.Sub.Reg(asm.R4, asm.R2),
		asm.LSh.Imm(asm.R4, 48),
		asm.ArSh.Imm(asm.R4, 48),
		asm.JSGT.Imm(asm.R4, 0, ahead),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(flow, asm.R1, asm.Word, atLate),
		asm.Ja.Label(counted),

		asm.Add.Reg(asm.R2, asm.R4).WithSymbol(ahead),
		asm.StoreMem(flow, atHigh, asm.R2, asm.Word),
		// Jitter: the difference of elapsed time and timestamps, in ticks.
		asm.LoadMem(asm.R2, asm.R10, stackTS, asm.DWord),
		asm.LoadMem(asm.R4, flow, atTimestamp, asm.Word),
		asm.JEq.Reg(asm.R2, asm.R4, note), // an event that goes on keeps its timestamp
		asm.Sub.Reg(asm.R2, asm.R4),
		asm.LSh.Imm(asm.R2, 32),
		asm.ArSh.Imm(asm.R2, 32),
		asm.LoadMem(asm.R1, flow, atLast, asm.DWord),
		asm.Mov.Reg(asm.R3, asm.R0),
		asm.Sub.Reg(asm.R3, asm.R1),
		asm.LoadMem(asm.R4, flow, atClock, asm.Word),
		asm.Mul.Reg(asm.R3, asm.R4),
		asm.Div.Imm(asm.R3, 1_000_000_000),
		asm.Sub.Reg(asm.R3, asm.R2),
		asm.JSGE.Imm(asm.R3, 0, positive),
		asm.Mov.Imm(asm.R5, 0),
		asm.Sub.Reg(asm.R5, asm.R3),
		asm.Mov.Reg(asm.R3, asm.R5),
		asm.JGT.Reg(asm.R3, asm.R4, note).WithSymbol(positive), // more than a second is a jump
		asm.LoadMem(asm.R2, flow, atJitter, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, 8),
		asm.RSh.Imm(asm.R4, 4),
		asm.Sub.Reg(asm.R3, asm.R4),
		asm.Add.Reg(asm.R2, asm.R3),
		asm.StoreMem(flow, atJitter, asm.R2, asm.Word),

		asm.StoreMem(flow, atLast, asm.R0, asm.DWord).WithSymbol(note),
		asm.LoadMem(asm.R2, asm.R10, stackTS, asm.DWord),
		asm.StoreMem(flow, atTimestamp, asm.R2, asm.Word),
		asm.Mov.Reg(asm.R1, ctx).WithSymbol(counted),
	}
}

// change rewrites the packet and sends it on. The helpers know whether the
// checksum is whole or still to be finished by the hardware.
func (l layout) change() asm.Instructions {
	p := asm.Instructions{
		asm.Mov.Imm(asm.R2, int32(l.udp)+6),
		asm.Mov.Imm(asm.R3, 0),
		asm.LoadMem(asm.R4, asm.R10, stackDiff, asm.DWord),
		asm.Mov.Imm(asm.R5, keepNoChecksum),
		asm.FnL4CsumReplace.Call(),
		asm.JNE.Imm(asm.R0, 0, "up"),
		asm.Mov.Reg(asm.R1, ctx),
		asm.Mov.Imm(asm.R2, int32(l.udp)+6),
		asm.Mov.Imm(asm.R3, 0),
		asm.LoadMem(asm.R4, flow, atAddressDiff, asm.Word),
		asm.Mov.Imm(asm.R5, keepNoChecksum|pseudoHeader),
		asm.FnL4CsumReplace.Call(),
		asm.JNE.Imm(asm.R0, 0, "drop"),
	}
	p = append(p, l.reach(asm.JGT, "drop")...)
	for _, a := range []struct{ to, from int16 }{{l.source, atSource}, {l.destination, atDestination}} {
		for i := int16(0); i < l.address; i += 4 {
			p = append(p, asm.LoadMem(asm.R2, flow, a.from+i, asm.Word), asm.StoreMem(data, a.to+i, asm.R2, asm.Word))
		}
	}
	p = append(p,
		asm.LoadMem(asm.R2, flow, atPorts, asm.Word),
		asm.StoreMem(data, l.udp, asm.R2, asm.Word),
		asm.LoadMem(asm.R2, asm.R10, stackWord, asm.Word),
		asm.StoreMem(data, l.rtp(), asm.R2, asm.Word),
		asm.LoadMem(asm.R2, asm.R10, stackStamp, asm.DWord),
		asm.StoreMem(data, l.rtp()+4, asm.R2, asm.Word),
		asm.LoadMem(asm.R2, flow, atSSRCOut, asm.Word),
		asm.StoreMem(data, l.rtp()+8, asm.R2, asm.Word),
		// One hop less, so that packets in a loop come to an end.
		asm.LoadMem(asm.R2, data, l.hops, asm.Byte),
		asm.Sub.Imm(asm.R2, 1),
		asm.StoreMem(data, l.hops, asm.R2, asm.Byte),
		asm.LoadMem(asm.R2, flow, atClass, asm.Word),
	)
	if l.address == 4 {
		p = append(p,
			asm.StoreMem(data, 15, asm.R2, asm.Byte),
			asm.StoreImm(data, 24, 0, asm.Half),
		)
		p = append(p, sumHeader()...)
		p = append(p,
			asm.Xor.Imm(asm.R4, 0xffff),
			asm.StoreMem(data, 24, asm.R4, asm.Half),
		)
	} else {
		p = append(p, asm.StoreMem(data, 14, asm.R2, asm.Word))
	}
	return append(p,
		asm.LoadMem(asm.R1, flow, atInterface, asm.Word),
		asm.JEq.Imm(asm.R1, 0, "up"), // the changed packet goes to a socket of this machine
		asm.Mov.Imm(asm.R2, 0),
		asm.Mov.Imm(asm.R3, 0),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnRedirectNeigh.Call(),
		asm.Return(),
	)
}

// wire16 returns a number as the program loads it from a packet.
func wire16(v uint16) int32 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return int32(binary.NativeEndian.Uint16(b[:]))
}
