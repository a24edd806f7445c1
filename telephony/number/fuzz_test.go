package number

import (
	"testing"

	"tandem/rtc/sip"
)

// FuzzParse: what is read is well formed, has a class, and reads as itself.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"+49301234567", "0301234567", "00441632960001", "200", "*21#", "+49 (0) 30 12", "11833", "112", "9911", "810441", "0111523456789"} {
		for country := range byte(6) {
			f.Add(s, country)
		}
	}
	w, err := NewWorld()
	if err != nil {
		f.Fatal(err)
	}
	var plans []*Plan
	for _, site := range []Site{berlin, newYork, {}, {Country: "AR"}, {Country: "RU"}, {Country: "IT"}} {
		p, err := w.Plan(site)
		if err != nil {
			f.Fatal(err)
		}
		plans = append(plans, p)
	}
	f.Fuzz(func(t *testing.T, dialled string, country byte) {
		p := plans[int(country)%len(plans)]
		n, err := p.Parse(dialled)
		if err != nil {
			if !n.IsZero() {
				t.Fatalf("%q: %v and %s", dialled, err, n)
			}
			return
		}
		s := n.String()
		if n.Global() != (s[0] == '+') || n.Global() && (len(s) < 4 || len(s) > 16 || !onlyDigits([]byte(s[1:]))) {
			t.Fatalf("%q: %q", dialled, s)
		}
		if class := p.Class(n); class >= numClasses {
			t.Fatalf("%q: %d", s, class)
		}
		if n.Global() {
			if again, err := p.Parse(s); err != nil || again.Global() && p.Class(again) != p.Class(n) {
				t.Fatalf("%q reads as %q, %v", s, again, err)
			}
		}
	})
}

// FuzzURI: nothing that the SIP parser lets through can do harm.
func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:+49301234567;npdi@example.com;user=phone", "tel:7042;phone-context=example.com", "tel:1;phone-context=+49",
		"urn:service:sos.police", "sip:%2b49@h", "sip:1;phone-context=+1914555@h"} {
		f.Add([]byte(s))
	}
	w, err := NewWorld()
	if err != nil {
		f.Fatal(err)
	}
	p, err := w.Plan(berlin)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, uri []byte) {
		u, bad := sip.ParseURI(uri)
		if bad != nil {
			return
		}
		if n, err := p.URI(u); (err == nil) == n.IsZero() {
			t.Fatalf("%q: %q, %v", uri, n, err)
		}
	})
}
