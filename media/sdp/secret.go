package sdp

import (
	"fmt"
	"log/slog"
)

// String shows all but the key.
func (c Crypto) String() string { return fmt.Sprintf("%d %s", c.Tag, c.Suite) }

// LogValue shows all but the key.
func (c Crypto) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String hides the values that are secrets.
func (a Attribute) String() string {
	switch {
	case a.Name == "crypto" || a.Name == "ice-pwd":
		return a.Name + ":(secret)"
	case a.Value == "":
		return a.Name
	}
	return a.Name + ":" + a.Value
}

// String shows all but the password.
func (i ICE) String() string {
	return fmt.Sprintf("%s lite=%t candidates=%d", i.Ufrag, i.Lite, len(i.Candidates))
}
