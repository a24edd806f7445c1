package number

import (
	"errors"
	"strings"
	"testing"

	"tandem/rtc/sip"
)

func world(t testing.TB) *World {
	t.Helper()
	w, err := NewWorld()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func plan(t testing.TB, site Site) *Plan {
	t.Helper()
	p, err := world(t).Plan(site)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var (
	berlin  = Site{Country: "DE", Area: "30", Domains: []string{"example.com"}, Emergency: []string{"5555"}}
	newYork = Site{Country: "us", Area: "212", LocalDigits: 7, Outside: "9"}
)

func TestDialledNumbers(t *testing.T) {
	w := world(t)
	for _, c := range []struct {
		site          Site
		dialled, want string
	}{
		{berlin, "+49301234567", "+49301234567"},
		{berlin, "+49 (30) 123-45.67", "+49301234567"},
		{berlin, "+49 (0) 30 1234567", "+49301234567"},
		{berlin, "030/1234567", "+49301234567"},
		{berlin, "0301234567", "+49301234567"},
		{berlin, "00441632960001", "+441632960001"},
		{berlin, "0049301234567", "+49301234567"},
		{berlin, "1234567", "+49301234567"}, // by the area
		{berlin, "200", "200"},
		{berlin, "1234", "1234"}, // shorter than a number of the area
		{berlin, "11833", "11833"},
		{berlin, "112", "112"},
		{berlin, "0112", "112"},
		{berlin, "+49112", "112"},
		{berlin, "5555", "5555"},
		{berlin, "*21*200#", "*21*200#"},
		{berlin, "+390612345", "+390612345"}, // Italy's 0 is part of the number
		{newYork, "2125551212", "+12125551212"},
		{newYork, "12125551212", "+12125551212"},
		{newYork, "912125551212", "+12125551212"},
		{newYork, "901144163296000", "+44163296000"},
		{newYork, "5551212", "+12125551212"},
		{newYork, "911", "911"},
		{newYork, "9911", "911"},
		{newYork, "1911", "911"},
		{newYork, "7042", "7042"},
		{Site{Country: "IT"}, "0612345678", "+390612345678"},
		{Site{Country: "IT"}, "3471234567", "+393471234567"},
		{Site{Country: "ES"}, "912345678", "+34912345678"},
		{Site{Country: "RU"}, "84951234567", "+74951234567"},
		{Site{Country: "RU"}, "810441632960001", "+441632960001"},
		{Site{Country: "JP"}, "010441632960001", "+441632960001"},
		{Site{Country: "JP"}, "0312345678", "+81312345678"},
		{Site{Country: "AR"}, "0111523456789", "+5491123456789"}, // the mobile 15 becomes a 9
		{Site{Country: "BR"}, "0151123456789", "+551123456789"},  // 15 is a carrier
		{Site{Country: "AR"}, "+54111523456789", "+5491123456789"},
		{Site{Country: "BB", Area: "246"}, "4301234", "+12464301234"},
		{Site{Country: "BB"}, "4301234", "+12464301234"}, // an island has one area
		{Site{Country: "BS"}, "2125551212", "+12125551212"},
		{Site{Country: "CO"}, "036012345678", "+576012345678"}, // 3 is a carrier
		{Site{Country: "RU"}, "8001234567", "+78001234567"},    // its 8 is its own
		{Site{}, "00493012345", "+493012345"},
		{Site{}, "03012345", "03012345"},
		{Site{}, "911", "911"},
	} {
		p, err := w.Plan(c.site)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := p.Parse(c.dialled); err != nil || n.String() != c.want {
			t.Errorf("%s in %q: %s, %v; want %s", c.dialled, c.site.Country, n, err, c.want)
		}
	}
}

func TestWhatIsNoNumber(t *testing.T) {
	p := plan(t, berlin)
	for _, c := range []struct {
		dialled string
		want    error
	}{
		{"", ErrNotNumber}, {"alice", ErrNotNumber}, {"+", ErrNotNumber}, {"--", ErrNotNumber}, {"+49*", ErrNotNumber},
		{"12+3", ErrNotNumber}, {"++49", ErrNotNumber}, {"+0301234", ErrNotNumber}, {"12\x00", ErrNotNumber}, {"١٢٣", ErrNotNumber},
		{"+1", ErrTooShort}, {"+49", ErrTooShort},
		{"+1234567890123456", ErrTooLong}, {strings.Repeat("1", 33), ErrTooLong}, {strings.Repeat("1", 1000), ErrTooLong},
	} {
		if n, err := p.Parse(c.dialled); !errors.Is(err, c.want) || !n.IsZero() {
			t.Errorf("%.40q: %s, %v; want %v", c.dialled, n, err, c.want)
		}
	}
}

func TestURIs(t *testing.T) {
	p := plan(t, berlin)
	for _, c := range []struct {
		uri, want string
		err       error
	}{
		{"sip:+49301234567@example.com", "+49301234567", nil},
		{"sip:+49301234567;npdi@example.com;user=phone", "+49301234567", nil},
		{"sip:+49301234567;rn=+49199;npdi;cic=+491@gw.example.net", "+49301234567", nil},
		{"sip:+49301234567;tgrp=tg1;trunk-context=example.com@gw.example.net", "+49301234567", nil},
		{"sip:+49301234567;isub=12@example.com", "+49301234567", nil},
		{"sip:+49-30-1234567@example.com;user=phone", "+49301234567", nil},
		{"sip:%2B49301234567@example.com", "+49301234567", nil},
		{"sips:0301234567@example.com", "+49301234567", nil},
		{"tel:+49-30-1234567;npdi", "+49301234567", nil},
		{"tel:+49301234567;phone-context=elsewhere.example", "+49301234567", nil},
		{"tel:7042;phone-context=example.com", "7042", nil},
		{"tel:7042;phone-context=EXAMPLE.com", "7042", nil},
		{"tel:1234567;phone-context=+1-914-555", "+19145551234567", nil},
		{"tel:1234;phone-context=+1-914-555", "+19145551234", nil},
		{"tel:0301234567;phone-context=+49", "+49301234567", nil}, // as phones have it
		{"sip:1234@gw.example.net;phone-context=+1914555;user=phone", "+19145551234", nil},
		{"sip:1234;phone-context=+1914555@gw.example.net", "+19145551234", nil},
		{"tel:112;phone-context=+49", "112", nil},
		{"tel:7042;phone-context=elsewhere.example", "", ErrContext},
		{"tel:12ab;phone-context=example.com", "", ErrNotNumber},
		{"sip:alice@example.com", "", ErrNotNumber},
		{"sip:example.com", "", ErrNotNumber},
		{"sip:;npdi@example.com", "", ErrNotNumber},
		{"urn:service:sos", "112", nil},
		{"URN:Service:SOS.police", "112", nil},
		{"urn:service:sosa", "", ErrNotNumber},
		{"urn:service:counseling", "", ErrNotNumber},
		{"mailto:alice@example.com", "", ErrNotNumber},
	} {
		u, bad := sip.ParseURI([]byte(c.uri))
		if bad != nil {
			t.Fatalf("%s: %v", c.uri, bad)
		}
		if n, err := p.URI(u); !errors.Is(err, c.err) || n.String() != c.want {
			t.Errorf("%s: %q, %v; want %q, %v", c.uri, n, err, c.want, c.err)
		}
	}
}

func TestClasses(t *testing.T) {
	w := world(t)
	for _, c := range []struct {
		site   Site
		number string
		want   Class
	}{
		{berlin, "+49301234567", ClassNational},
		{berlin, "+49301", ClassNational}, // nobody's, but at home
		{berlin, "+4915123456789", ClassMobile},
		{berlin, "+498001234567", ClassTollFree},
		{berlin, "+499001234567", ClassPremium},
		{berlin, "+4990012345678901", ClassPremium}, // with digits too many
		{berlin, "+491371123456", ClassSharedCost},
		{berlin, "+4918012345", ClassSharedCost},
		{berlin, "+4970012345678", ClassPremium}, // a personal number
		{berlin, "+441632960001", ClassInternational},
		{berlin, "+447912345678", ClassInternational},
		{berlin, "+449012345678", ClassPremium}, // abroad
		{berlin, "+447012345678", ClassPremium}, // personal numbers of Britain
		{berlin, "+18005551212", ClassInternational},
		{berlin, "+19005551212", ClassPremium},
		{berlin, "+80012345678", ClassTollFree},
		{berlin, "+80812345678", ClassSharedCost},
		{berlin, "+870773111632", ClassSatellite},
		{berlin, "+881612345678", ClassSatellite},
		{berlin, "+88216123456", ClassSatellite},
		{berlin, "+88213123456", ClassSatellite},
		{berlin, "+88299123456", ClassPremium},
		{berlin, "+883510012345", ClassPremium},
		{berlin, "+979123456789", ClassPremium},
		{berlin, "+99912345", ClassInternational},
		{berlin, "112", ClassEmergency},
		{berlin, "110", ClassEmergency},
		{berlin, "5555", ClassEmergency},
		{berlin, "116117", ClassTollFree},
		{berlin, "11833", ClassPremium}, // directory enquiries
		{Site{Country: "GB"}, "118500", ClassPremium},
		{Site{Country: "FR"}, "3220", ClassPremium},
		{berlin, "200", ClassInternal},
		{berlin, "*21", ClassInternal},
		{newYork, "+12125551212", ClassNational},
		{newYork, "+18005551212", ClassTollFree},
		{newYork, "+19005551212", ClassPremium},
		{newYork, "+18095551212", ClassInternational}, // Dominican Republic
		{newYork, "+1809555121", ClassInternational},  // a digit short
		{newYork, "+12425551212", ClassInternational},
		{newYork, "+14165551212", ClassInternational}, // Toronto
		{newYork, "+4915123456789", ClassInternational},
		{newYork, "911", ClassEmergency},
		{Site{Country: "BS"}, "+12423221234", ClassNational},
		{Site{Country: "BS"}, "+12125551212", ClassInternational},
		{Site{Country: "BS"}, "+121255512", ClassInternational},
		{Site{Country: "CA"}, "+18005551212", ClassTollFree},
		{Site{Country: "GB"}, "999", ClassEmergency},
		{Site{Country: "GB"}, "+441534456789", ClassInternational}, // Jersey
		{Site{Country: "GB"}, "+447912345678", ClassMobile},
		{Site{}, "+49301234567", ClassInternational},
		{Site{}, "+499001234567", ClassPremium},
		{Site{}, "112", ClassEmergency},
		{Site{}, "200", ClassInternal},
	} {
		p, err := w.Plan(c.site)
		if err != nil {
			t.Fatal(err)
		}
		var n Number
		n.n = uint8(copy(n.text[:], c.number)) // as it is, longer than Parse lets through
		if got := p.Class(n); got != c.want {
			t.Errorf("%s from %q: %s, want %s", c.number, c.site.Country, got, c.want)
		}
	}
}

func TestSitesSayTheRemedy(t *testing.T) {
	w := world(t)
	for _, c := range []struct {
		site Site
		says string
	}{
		{Site{Country: "Germany"}, "such as DE"},
		{Site{Country: "001"}, "such as DE"},
		{Site{Country: "DE", Area: "0 30"}, "digits alone"},
		{Site{Area: "30"}, "no country"},
		{Site{Outside: "x"}, "digits alone"},
		{Site{Emergency: []string{"+112"}}, "1 to 8 digits"},
	} {
		if _, err := w.Plan(c.site); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.site, err, c.says)
		}
	}
}

// TestEveryCountryCompiles: tables are made when a country is first met, which
// must not fail then.
func TestEveryCountryCompiles(t *testing.T) {
	w := world(t)
	states := 0
	for _, list := range w.codes {
		for _, r := range list {
			c := r.country()
			states += len(c.numbers.full) + len(c.short.full)
			if strings.Trim(c.abroad, "0123456789") != "" || c.home.meta.GetId() != "001" && c.international.longest([]byte(c.abroad+"9")) == 0 {
				t.Errorf("%s: %q does not lead abroad", c.home.meta.GetId(), c.abroad)
			}
		}
	}
	if states > 100000 {
		t.Errorf("%d states take too much memory", states)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	p, argentina := plan(t, berlin), plan(t, Site{Country: "AR"})
	u, _ := sip.ParseURI([]byte("sip:+49-30-1234567;npdi@example.com;user=phone"))
	for _, dialled := range []string{"+49301234567", "0301234567", "00441632960001", "200", "+18095551212", "11833"} {
		n := testing.AllocsPerRun(100, func() {
			n, err := p.Parse(dialled)
			if err != nil || p.Class(n) > numClasses {
				t.Fatal(err)
			}
			if _, err := p.URI(u); err != nil {
				t.Fatal(err)
			}
			if _, err := argentina.Parse("0111523456789"); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", dialled, n)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	p := plan(b, berlin)
	for _, dialled := range []string{"+49301234567", "0301234567", "00441632960001", "1234567"} {
		b.Run(dialled, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Parse(dialled); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for country, dialled := range map[string]string{"AR": "0111523456789", "BR": "0151123456789", "KR": "08012345678", "AG": "4641234", "KZ": "87710001234", "JP": "0037680312345678"} {
		b.Run(country+" "+dialled, func(b *testing.B) {
			p := plan(b, Site{Country: country})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Parse(dialled); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkClass(b *testing.B) {
	p := plan(b, berlin)
	for _, number := range []string{"+49301234567", "+441632960001", "+14165551212", "200"} {
		n, err := p.Parse(number)
		if err != nil {
			b.Fatal(err)
		}
		p.Class(n)
		b.Run(number, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Class(n)
			}
		})
	}
}
