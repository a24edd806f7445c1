package bridge

import (
	"net/netip"
	"time"

	"tandem/media/quality"
	"tandem/media/secure"
	"tandem/media/transcode"
)

// StreamReport is one m-line.
type StreamReport struct {
	Kind  string
	Sides [2]LegReport
}

// LegReport is a side's end of an m-line: what it sends and how it hears.
type LegReport struct {
	On         bool
	Codec      string // the format of its voice, as name/clock
	Local      netip.AddrPort
	Remote     netip.AddrPort // the destination of packets, as signalled or as latched
	Security   secure.Keying
	Ready      bool // keys are there if needed
	Converting bool
	Kernel     bool           // packets from this side are forwarded in the kernel
	Series     bool           // packets from this side are forwarded by the relay's worker while they continue in order
	Received   quality.Report // what came from this side
	Sent       Counts         // what went to it
	Hears      quality.Remote // the side's own report on what it hears
	Path       transcode.Stats
	Strangers  uint64 // packets from addresses not believed, dropped
	Refused    uint64 // packets that were not authentic, dropped
	Dropped    uint64 // packets that no path or side could take
	Datagrams  uint64 // datagrams that are not RTP (fax)
	LastHeard  time.Time
}

// Counts are packets and octets (RTP, without IP and UDP).
type Counts struct{ Packets, Octets uint64 }
