package identity

import (
	"bytes"

	"tandem/gateways"
	"tandem/gateways/dialect"
)

// Diverted are the header lines about who sent a call on that a trunk wants.
func Diverted(lines []byte, trunk *gateways.Trunk) []byte {
	if trunk == nil {
		return lines
	}
	var name string
	switch trunk.Speaks().Diversion {
	case dialect.DiversionNone:
		return nil
	case dialect.DiversionHeader:
		name = "Diversion: "
	case dialect.DiversionHistory:
		name = "History-Info: "
	}
	var kept []byte
	for line := range bytes.Lines(lines) {
		if bytes.HasPrefix(line, []byte(name)) {
			kept = append(kept, line...)
		}
	}
	return kept
}
