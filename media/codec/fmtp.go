package codec

import (
	"strconv"
	"strings"
)

// opusFmtp is what the far side asks of what we send (RFC 7587 §6.1).
type opusFmtp struct {
	maxRate    int // maxplaybackrate, Hz; 0 not said
	maxBitrate int // maxaveragebitrate, bit/s; 0 not said
	cbr        bool
	fec        bool
	dtx        bool
	// stereo is only a preference of the far side: mono is always lawful, and
	// a telephone call has one channel.
}

// parseOpusFmtp reads parameters as SDP writes them, leaving out what is
// unknown or out of range.
func parseOpusFmtp(s string) opusFmtp {
	var f opusFmtp
	for part := range strings.SplitSeq(s, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "maxplaybackrate":
			if n >= 8000 && n <= 48000 {
				f.maxRate = n
			}
		case "maxaveragebitrate":
			if n >= 6000 && n <= 510000 {
				f.maxBitrate = n
			}
		case "cbr":
			f.cbr = n == 1
		case "useinbandfec":
			f.fec = n == 1
		case "usedtx":
			f.dtx = n == 1
		}
	}
	return f
}
