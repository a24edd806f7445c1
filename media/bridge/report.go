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
	Codec      string // its voice comes in this, as name/clock
	Local      netip.AddrPort
	Remote     netip.AddrPort // where packets go; as signalled or as latched
	Security   secure.Keying
	Ready      bool // keys are there
	Converting bool
	Kernel     bool           // what comes from this side is forwarded in the kernel
	Series     bool           // or by the relay's worker, as long as it goes on in order
	Received   quality.Report // what came from this side
	Sent       Counts         // what went to it
	Hears      quality.Remote // what it says of what it hears
	Path       transcode.Stats
	Strangers  uint64 // packets of others, dropped
	Refused    uint64 // packets that failed authentication
	Dropped    uint64 // packets nobody could take
	Datagrams  uint64 // of what is no RTP (fax)
	LastHeard  time.Time
}

// Counts is packets and octets (RTP, without IP and UDP).
type Counts struct{ Packets, Octets uint64 }
