package enum

import (
	"context"
	"errors"
	"slices"
	"testing"
)

func TestName(t *testing.T) {
	if got := name("+442079460148", "e164.arpa"); got != "8.4.1.0.6.4.9.7.0.2.4.4.e164.arpa" { // RFC 6116 §3.2
		t.Error(got)
	}
}

// The examples of RFC 6116, RFC 3764 and RFC 4769, and records that lead nowhere.
func TestRead(t *testing.T) {
	for _, c := range []struct {
		records []Record
		want    []string
	}{
		{[]Record{{100, 10, "u", "E2U+sip", "!^.*$!sip:info@example.com!"}, {100, 20, "u", "E2U+h323", "!^.*$!h323:info@example.com!"}, {100, 30, "u", "E2U+msg", "!^.*$!mailto:info@example.com!"}},
			[]string{"sip:info@example.com"}},
		{[]Record{{100, 51, "u", "E2U+sip", "!^.*$!sip:b@example.com!"}, {100, 50, "u", "E2U+sip", "!^.*$!sip:a@example.com!"}, {50, 99, "U", "e2u+SIP", "!^.*$!sip:first@example.com!"}},
			[]string{"sip:first@example.com", "sip:a@example.com", "sip:b@example.com"}},
		{[]Record{{10, 100, "u", "E2U+sip", `!^\+44(.*)$!sip:\1@example.com!`}}, []string{"sip:2079460148@example.com"}},
		{[]Record{{10, 100, "u", "E2U+pstn:tel", `!^(.*)$!tel:\1;npdi;rn=+442079999999!`}}, []string{"tel:+442079460148;npdi;rn=+442079999999"}},
		{[]Record{{10, 100, "u", "E2U+voice:tel+sms:tel", `!^.*$!tel:+442079460100!`}}, []string{"tel:+442079460100"}},
		{[]Record{{10, 100, "u", "E2U+sip", `/^.*$/sip:slash@example.com/i`}}, []string{"sip:slash@example.com"}},
		{[]Record{
			{1, 1, "s", "SIP+D2U", ""}, {1, 1, "", "E2U+sip", "!^.*$!sip:x@example.com!"}, {1, 1, "u", "E2U+sip", "!^+49.*$!sip:x@example.com!"}, {1, 1, "u", "E2U+sip", "!^(.*$!sip:x@example.com!"},
			{1, 1, "u", "E2U+sip", "!^.*$!sip:x@example.com"}, {1, 1, "u", "E2U+sip", `!^.*$!sip:\7@example.com!`}, {1, 1, "u", "E2U+sip", "!^.*$!mailto:x@example.com!"}, {1, 1, "u", "E2U+sip", ""}, {1, 1, "u", "sip+E2U", "!^.*$!sip:x@example.com!"},
		}, nil},
	} {
		if got := read(c.records, "+442079460148"); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.records, got, c.want)
		}
	}
}

func TestFind(t *testing.T) {
	var asked []string
	f := Finder{Domains: []string{"private.example", "e164.arpa"}, Source: func(_ context.Context, name string) ([]Record, error) {
		asked = append(asked, name)
		if name == "1.9.4.private.example" {
			return nil, errors.New("no answer")
		}
		return []Record{{1, 1, "u", "E2U+sip", "!^.*$!sip:x@example.com!"}}, nil
	}}
	if uris, err := f.Find(t.Context(), "+491"); err != nil || len(uris) != 1 || len(asked) != 2 {
		t.Errorf("%v %v after %v", uris, err, asked)
	}
	f.Domains = f.Domains[:1]
	if uris, err := f.Find(t.Context(), "+491"); err == nil || len(uris) != 0 {
		t.Errorf("%v %v", uris, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("u", "E2U+sip", `!^\+44(.*)$!sip:\1@example.com!`)
	f.Fuzz(func(t *testing.T, flags, service, expression string) {
		for _, uri := range read([]Record{{1, 1, flags, service, expression}}, "+442079460148") {
			if uri == "" {
				t.Error("an empty URI")
			}
		}
	})
}
