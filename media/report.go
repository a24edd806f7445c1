package media

import (
	"time"

	"tandem/media/bridge"
)

// The types of package bridge for reports.
type (
	// StreamReport is one m-line.
	StreamReport = bridge.StreamReport
	// LegReport is a side's end of an m-line: what it sends and how it hears.
	LegReport = bridge.LegReport
	// Counts is packets and octets (RTP, without IP and UDP).
	Counts = bridge.Counts
)

// Report holds a session's figures at one moment.
type Report struct {
	ID      string
	Streams []StreamReport
}

// Report ends a reporting interval of every stream and returns the figures.
func (s *Session) Report() Report {
	now := time.Now()
	s.ctl.Lock() // keeps paths from being closed while they are read
	defer s.ctl.Unlock()
	return Report{ID: s.id, Streams: s.bridge.Figures(now)}
}
