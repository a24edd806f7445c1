// Package voice is the sound of simulated devices: tones and keys in G.711, in clear or in
// SRTP, and packets of fax; what is said, and what was heard.
package voice

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// media is where a description wants sound, and the first of the formats 0 and 8 it names.
func media(description []byte) (far netip.AddrPort, codec int, err error) {
	far, formats := place(description, "audio")
	codec = -1
	for _, f := range formats {
		if n, err := strconv.Atoi(f); err == nil && (n == 0 || n == 8) && codec < 0 {
			codec = n
		}
	}
	if !far.IsValid() || codec < 0 {
		return far, 0, fmt.Errorf("its description has no sound in G.711: %q", description)
	}
	return far, codec, nil
}

// udptl is where a description wants a fax by T.38 (ITU-T T.38 annex D).
func udptl(description []byte) (netip.AddrPort, error) {
	far, formats := place(description, "image")
	if !far.IsValid() || len(formats) != 1 || !strings.EqualFold(formats[0], "t38") {
		return far, fmt.Errorf("its description has no fax by T.38: %q", description)
	}
	return far, nil
}

// place is where a description wants the first line of a kind, and its formats; not valid
// where it wants none. The line's own c= counts before the session's.
func place(description []byte, kind string) (far netip.AddrPort, formats []string) {
	host, port, in := "", 0, false
	for line := range strings.Lines(string(description)) {
		line = strings.TrimRight(line, "\r\n")
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "m="):
			in = strings.HasPrefix(line, "m="+kind+" ") && port == 0
			if in && len(words) > 3 {
				port, _ = strconv.Atoi(words[1])
				formats = words[3:]
			}
		case strings.HasPrefix(line, "c=") && len(words) == 3 && (in || port == 0):
			host = words[2]
		}
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || port == 0 {
		return netip.AddrPort{}, nil
	}
	return netip.AddrPortFrom(addr, uint16(port)), formats
}
