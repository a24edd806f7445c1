package forwarder

import (
	"unsafe"

	"tandem/media/rewrite"
)

// value is a flow as the program sees it: first its counters, then its instructions.
// Words that are "as on the wire" have network order in memory.
type value struct {
	Packets, Octets, Passed, Last uint64 // Last: CLOCK_MONOTONIC, ns

	High      uint32 // highest sequence number, extended, from 0x10000 up
	Base      uint32 // the first one, extended too; 0: none yet
	Timestamp uint32 // with High
	Late      uint32
	Jitter    uint32 // 16 times, as RFC 3550 Appendix A.8 keeps it
	Clock     uint32

	Source, Destination [16]byte // new; IPv4 has the first four octets
	Ports               uint32   // new source and destination, as on the wire
	AddressDiff         uint32   // change of a checksum by the new addresses
	PortDiff            uint32   // the same by new ports and SSRC
	SSRCIn, SSRCOut     uint32   // as on the wire
	TimestampBy         uint32
	SequenceBy          uint32
	Arrive              uint32 // interface by which packets come, unless by loopback
	Interface           uint32 // by which packets leave; 0: to a socket of this machine
	Most                uint32 // largest UDP payload that fits the route
	Class               uint32 // IPv4 TOS; IPv6 the first word, as on the wire
	_                   uint32
	Types               rewrite.Types
}

const valueSize = uint32(unsafe.Sizeof(value{}))

// Offsets of the fields that the program uses.
const (
	atPackets     = int16(unsafe.Offsetof(value{}.Packets))
	atOctets      = int16(unsafe.Offsetof(value{}.Octets))
	atPassed      = int16(unsafe.Offsetof(value{}.Passed))
	atLast        = int16(unsafe.Offsetof(value{}.Last))
	atHigh        = int16(unsafe.Offsetof(value{}.High))
	atBase        = int16(unsafe.Offsetof(value{}.Base))
	atTimestamp   = int16(unsafe.Offsetof(value{}.Timestamp))
	atLate        = int16(unsafe.Offsetof(value{}.Late))
	atJitter      = int16(unsafe.Offsetof(value{}.Jitter))
	atClock       = int16(unsafe.Offsetof(value{}.Clock))
	atSource      = int16(unsafe.Offsetof(value{}.Source))
	atDestination = int16(unsafe.Offsetof(value{}.Destination))
	atPorts       = int16(unsafe.Offsetof(value{}.Ports))
	atAddressDiff = int16(unsafe.Offsetof(value{}.AddressDiff))
	atPortDiff    = int16(unsafe.Offsetof(value{}.PortDiff))
	atSSRCIn      = int16(unsafe.Offsetof(value{}.SSRCIn))
	atSSRCOut     = int16(unsafe.Offsetof(value{}.SSRCOut))
	atTimestampBy = int16(unsafe.Offsetof(value{}.TimestampBy))
	atSequenceBy  = int16(unsafe.Offsetof(value{}.SequenceBy))
	atArrive      = int16(unsafe.Offsetof(value{}.Arrive))
	atInterface   = int16(unsafe.Offsetof(value{}.Interface))
	atMost        = int16(unsafe.Offsetof(value{}.Most))
	atClass       = int16(unsafe.Offsetof(value{}.Class))
	atTypes       = int16(unsafe.Offsetof(value{}.Types))
)
