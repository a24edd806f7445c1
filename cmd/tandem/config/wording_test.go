package config

import (
	"strings"
	"testing"
)

// TestFaultsInPlainWords: who writes a file does not know Go.
func TestFaultsInPlainWords(t *testing.T) {
	for _, c := range []struct{ file, says string }{
		{"limits: {drain: 5}", "1:17: wanted here: a duration"},
		{"limits:\n  drain: five", `2:10: "five" is not a duration`},
		{"limits:\n  drain: \"5\"", `2:10: "5" is not a duration`},
		{"http: 9090", "1:7: wanted here: keys and values"},
		{"auth: {auth_int: perhaps}", "1:18: wanted here: true or false"},
		{"trace: {bytes: much}", "1:16: wanted here: a number"},
		{"domains: {a: b}", "1:10: wanted here: a list"},
		{"nme: x", `1:1: unknown key "nme"; did you mean "name"?`},
	} {
		cfg := Default()
		err := parsed([]byte(c.file), &cfg)
		if err == nil || !strings.HasPrefix(err.Error(), c.says) || strings.Contains(err.Error(), "Go ") {
			t.Errorf("%q: %v; want %q", c.file, err, c.says)
		}
	}
}
