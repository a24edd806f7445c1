package gateway

import "testing"

// TestWithoutOpaque: nothing of what opr: says is kept, wherever it ends.
func TestWithoutOpaque(t *testing.T) {
	for fmtp, want := range map[string]string{
		"x-pay opr:mci.com/md5:<crypto signature>":      "x-pay opr:",
		"tif OPR:1234 5678 uri:http://x/y opr: spr:1@x": "tif opr: uri:http://x/y opr: spr:1@x",
		"plain opr:secret word ;attr=1":                 "plain opr: ;attr=1",
		"plain uri:http://x/y":                          "plain uri:http://x/y",
		"plain spr:1@x":                                 "plain spr:1@x",
	} {
		if got := withoutOpaque(fmtp); got != want {
			t.Errorf("%s: %q, want %q", fmtp, got, want)
		}
	}
}
