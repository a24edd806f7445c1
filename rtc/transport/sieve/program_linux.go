package sieve

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Where a program finds things: offsets in the UDP datagram, which begins with its own
// header, and in the IP header (linux/filter.h).
const (
	atText   = 8
	atIP     = 0xfff00000 // SKF_NET_OFF
	atRandom = 0xfffff038 // SKF_AD_OFF + SKF_AD_RANDOM
	source4  = atIP + 12
	source6  = atIP + 8
)

// label is a place in a program.
type label int

const (
	pass label = iota
	unknown
	inMap
	tested
	version4
	fresh // the first of those made by need
)

// program is classic BPF under construction. Its jumps lead forward.
type program struct {
	code  []unix.SockFilter
	jumps map[int]label // instruction to where it jumps
	at    map[label]int
	next  label
}

func (p *program) op(code int, k uint32) {
	p.code = append(p.code, unix.SockFilter{Code: uint16(code), K: k})
}

func (p *program) jump(to label) {
	p.jumps[len(p.code)] = to
	p.op(unix.BPF_JMP|unix.BPF_JA, 0)
}

// when jumps if A compares with k; a conditional jump by itself is too short for a tree.
func (p *program) when(compare int, k uint32, to label) {
	p.op(unix.BPF_JMP|compare|unix.BPF_K, k)
	p.code[len(p.code)-1].Jf = 1
	p.jump(to)
}

func (p *program) label() label { p.next++; return p.next - 1 }
func (p *program) here(l label) { p.at[l] = len(p.code) }

func (p *program) load(offset uint32)   { p.op(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset) }
func (p *program) alu(op int, k uint32) { p.op(unix.BPF_ALU|op|unix.BPF_K, k) }

// compile makes the program in which known senders pass, wide networks, what begins so, and one of
// 1<<level others.
func compile(known [words]uint32, wide []netip.Prefix, begins []string, level int) []unix.SockFilter {
	p := &program{jumps: map[int]label{}, at: map[label]int{}, next: fresh}
	p.op(unix.BPF_LD|unix.BPF_B|unix.BPF_ABS, atIP)
	p.alu(unix.BPF_RSH, 4)
	p.when(unix.BPF_JEQ, 4, version4)
	p.networks(wide, 16, source6)
	p.load(source6 + 4)
	p.alu(unix.BPF_MUL, mixLow)
	p.op(unix.BPF_MISC|unix.BPF_TAX, 0)
	p.load(source6)
	p.alu(unix.BPF_MUL, mixHigh)
	p.op(unix.BPF_ALU|unix.BPF_XOR|unix.BPF_X, 0)
	p.jump(inMap)
	p.here(version4)
	p.networks(wide, 4, source4)
	p.load(source4)
	p.alu(unix.BPF_MUL, mixHigh)
	p.here(inMap)
	p.bitmap(known)
	p.here(unknown)
	for _, text := range begins {
		p.begins([]byte(text))
	}
	p.load(atRandom)
	p.alu(unix.BPF_AND, 1<<level-1)
	p.when(unix.BPF_JEQ, 0, pass)
	p.op(unix.BPF_RET|unix.BPF_K, 0)
	p.here(pass)
	p.op(unix.BPF_RET|unix.BPF_K, 0xffffffff)
	for i, to := range p.jumps {
		p.code[i].K = uint32(p.at[to] - i - 1)
	}
	return p.code
}

// networks lets sources of the family with so many octets in wide pass.
func (p *program) networks(wide []netip.Prefix, octets int, source uint32) {
	for _, n := range wide {
		a := n.Addr().AsSlice()
		if len(a) != octets {
			continue
		}
		other := p.label()
		for i, bits := 0, n.Bits(); bits > 0; i, bits = i+4, bits-32 {
			mask := uint32(0xffffffff) << max(0, 32-bits)
			p.load(source + uint32(i))
			p.alu(unix.BPF_AND, mask)
			equal := p.label()
			p.when(unix.BPF_JEQ, binary.BigEndian.Uint32(a[i:])&mask, equal)
			p.jump(other)
			p.here(equal)
		}
		p.jump(pass)
		p.here(other)
	}
}

// bitmap lets pass whose hash, of which A is the first half, is in known.
func (p *program) bitmap(known [words]uint32) {
	p.alu(unix.BPF_MUL, mixBoth)
	p.alu(unix.BPF_RSH, 32-hashBits)
	p.op(unix.BPF_ST, 0) // M[0]: which bit
	p.alu(unix.BPF_RSH, 5)
	p.find(known[:], 0)
	p.here(tested) // X: the word with it
	p.op(unix.BPF_STX, 1)
	p.op(unix.BPF_LD|unix.BPF_W|unix.BPF_MEM, 0)
	p.alu(unix.BPF_AND, 31)
	p.op(unix.BPF_MISC|unix.BPF_TAX, 0)
	p.op(unix.BPF_LD|unix.BPF_W|unix.BPF_MEM, 1)
	p.op(unix.BPF_ALU|unix.BPF_RSH|unix.BPF_X, 0)
	p.alu(unix.BPF_AND, 1)
	p.when(unix.BPF_JEQ, 1, pass)
}

// find loads word A of part, which begins at first, into X.
func (p *program) find(part []uint32, first int) {
	empty := true
	for _, w := range part {
		empty = empty && w == 0
	}
	switch half := len(part) / 2; {
	case empty:
		p.jump(unknown)
	case half == 0:
		p.op(unix.BPF_LDX|unix.BPF_W|unix.BPF_IMM, part[0])
		p.jump(tested)
	default:
		upper := p.label()
		p.when(unix.BPF_JGE, uint32(first+half), upper)
		p.find(part[:half], first)
		p.here(upper)
		p.find(part[half:], first+half)
	}
}

// begins lets pass what begins with text. What is too short to tell is dropped: it is no message.
func (p *program) begins(text []byte) {
	other := p.label()
	for i := 0; i < len(text); {
		equal := p.label()
		at := uint32(atText + i)
		switch rest := len(text) - i; {
		case rest >= 4:
			p.load(at)
			p.when(unix.BPF_JEQ, binary.BigEndian.Uint32(text[i:]), equal)
			i += 4
		default:
			p.op(unix.BPF_LD|unix.BPF_B|unix.BPF_ABS, at)
			p.when(unix.BPF_JEQ, uint32(text[i]), equal)
			i++
		}
		p.jump(other)
		p.here(equal)
	}
	p.jump(pass)
	p.here(other)
}
