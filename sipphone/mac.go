package sipphone

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// MAC is the hardware address of a phone: twelve lower-case hex digits without
// separators. Makers write it in many ways; this one is compared and stored.
type MAC string

// ParseMAC reads a MAC address however it is written: 0004f2aabbcc,
// 00:04:F2:AA:BB:CC, 00-04-f2-aa-bb-cc, 0004.f2aa.bbcc.
func ParseMAC(s string) (MAC, error) {
	digits := strings.ToLower(strings.Map(func(r rune) rune {
		if r == ':' || r == '-' || r == '.' || r == ' ' {
			return -1
		}
		return r
	}, s))
	if b, err := hex.DecodeString(digits); err != nil || len(b) != 6 || len(s) > 24 {
		return "", fmt.Errorf("MAC address %q: %w: write twelve hex digits, as in 00:04:f2:aa:bb:cc", clip(s), ErrInvalid)
	} else if b[0]&1 != 0 || digits == "000000000000" {
		return "", fmt.Errorf("MAC address %q: %w: it does not belong to one device; read it from the label of the phone", clip(s), ErrInvalid)
	}
	return MAC(digits), nil
}

// clip keeps what a stranger wrote short in errors and logs.
func clip(s string) string {
	if len(s) > 32 {
		return s[:32] + "..."
	}
	return s
}

// Upper is the MAC in upper case, as Cisco, Snom and Gigaset write it.
func (m MAC) Upper() string { return strings.ToUpper(string(m)) }

// Colons is the MAC with colons, as people read it.
func (m MAC) Colons() string {
	if len(m) != 12 {
		return string(m)
	}
	return string(m[:2] + ":" + m[2:4] + ":" + m[4:6] + ":" + m[6:8] + ":" + m[8:10] + ":" + m[10:])
}

// OUI is the part of the MAC that names the maker.
func (m MAC) OUI() string {
	if len(m) < 6 {
		return ""
	}
	return string(m[:6])
}
