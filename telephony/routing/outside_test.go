package routing

import (
	"errors"
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

// A refusal that nobody will find in the audit log says so.
func TestRefusalSaysWhatIsNotKept(t *testing.T) {
	r := Refusal{User: "sip:alice@example.com", Number: "+19005550100", Why: "premium numbers are not for you"}
	var told Refusal
	for _, c := range []struct {
		to   func(Refusal) error
		want string
	}{
		{nil, r.Why},
		{func(r Refusal) error { told = r; return nil }, r.Why},
		{func(Refusal) error { return errors.New("full") }, r.Why + "; the audit log had no room for this"},
	} {
		if got := r.Tell(c.to); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if told != r {
		t.Errorf("told of %+v", told)
	}
}
