package routing

import (
	"testing"

	"tandem/rtc/sip"
)

func TestTrunkGroup(t *testing.T) {
	p := &Plan{Domain: "example.com"}
	for text, want := range map[string]string{
		"sip:+4930123;tgrp=pstn;trunk-context=example.com@example.com;user=phone": "pstn",
		"tel:+4930123;tgrp=pstn;trunk-context=EXAMPLE.com":                        "pstn",
		"tel:+4930123;tgrp=pstn;trunk-context=else.example":                       "",
		"tel:+4930123;tgrp=pstn":                                                  "",
		"sip:+4930123@example.com;tgrp=pstn;trunk-context=x":                      "",
		"sip:+4930123@example.com":                                                "",
	} {
		uri, err := sip.ParseURI([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.trunkGroup(uri); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
