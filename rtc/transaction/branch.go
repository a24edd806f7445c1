package transaction

import (
	"encoding/binary"
	"hash/maphash"
)

// A branch of ours: the cookie, a keyed check, then lane, slot and generation,
// five bits a character in lower case (some peers fold case). The check keeps a
// peer who has seen one branch from naming another, and so from answering for
// somebody else; its key is new with each process.
const (
	cookie   = "z9hG4bK"
	checkLen = 8 // 40 bits
	laneLen  = 2
	slotLen  = 5
	genLen   = 7

	maxLanes = 1 << (5 * laneLen)

	// BranchLen is the length of a branch without its tail.
	BranchLen = len(cookie) + checkLen + laneLen + slotLen + genLen
)

const digits = "0123456789abcdefghijklmnopqrstuv"

func (l *Layer) check(lane uint16, slot, gen uint32) uint64 {
	var b [10]byte
	binary.LittleEndian.PutUint16(b[:], lane)
	binary.LittleEndian.PutUint32(b[2:], slot)
	binary.LittleEndian.PutUint32(b[6:], gen)
	return maphash.Bytes(l.branches, b[:]) & (1<<(5*checkLen) - 1)
}

// appendDigits appends the last n digits of v, at most 13.
func appendDigits(dst []byte, v uint64, n int) []byte {
	dst = append(dst, "0000000000000"[:n]...)
	for i := len(dst) - 1; n > 0; i, n = i-1, n-1 {
		dst[i], v = digits[v&31], v>>5
	}
	return dst
}

func readDigits(b []byte) (v uint64, ok bool) {
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'v':
			c -= 'a' - 10
		default:
			return 0, false
		}
		v = v<<5 | uint64(c)
	}
	return v, true
}

func (l *Layer) appendBranch(dst []byte, lane uint16, slot, gen uint32) []byte {
	dst = append(dst, cookie...)
	dst = appendDigits(dst, l.check(lane, slot, gen), checkLen)
	dst = appendDigits(dst, uint64(lane), laneLen)
	dst = appendDigits(dst, uint64(slot), slotLen)
	return appendDigits(dst, uint64(gen), genLen)
}

// readBranch reads a branch this process made; what follows BranchLen is the TU's.
func (l *Layer) readBranch(b []byte) (ln *Lane, slot, gen uint32, ok bool) {
	if len(b) < BranchLen || string(b[:len(cookie)]) != cookie {
		return nil, 0, 0, false
	}
	b = b[len(cookie):BranchLen]
	check, ok := readDigits(b[:checkLen])
	b = b[checkLen:]
	lane, ok1 := readDigits(b[:laneLen])
	s, ok2 := readDigits(b[laneLen : laneLen+slotLen])
	g, ok3 := readDigits(b[laneLen+slotLen:])
	if !ok || !ok1 || !ok2 || !ok3 || lane >= uint64(len(l.lanes)) || g > 1<<32-1 {
		return nil, 0, 0, false
	}
	if check != l.check(uint16(lane), uint32(s), uint32(g)) {
		return nil, 0, 0, false
	}
	return &l.lanes[lane], uint32(s), uint32(g), true
}
