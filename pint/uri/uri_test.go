package uri

import (
	"reflect"
	"testing"

	"tandem/pint/party"
	"tandem/rtc/sip"
)

func read(t *testing.T, text string) (URI, error) {
	t.Helper()
	u, perr := sip.ParseURI([]byte(text))
	if perr != nil {
		t.Fatalf("%s: %v", text, perr)
	}
	return Of(u)
}

func TestOf(t *testing.T) {
	for text, want := range map[string]URI{
		"sip:R2C@pint.example.com":                             {User: "R2C", Host: "pint.example.com", Party: party.Party{Address: "sip:R2C@pint.example.com"}},
		"sip:R2F@pint.example.com;tsp=telco.com":               {User: "R2F", Host: "pint.example.com", Provider: "telco.com", Party: party.Party{Address: "sip:R2F@pint.example.com"}},
		"sip:mary@example.com":                                 {User: "mary", Host: "example.com", Party: party.Party{Address: "sip:mary@example.com"}},
		"sip:+1-201-456-7890@example.org;user=phone":           {User: "+1-201-456-7890", Host: "example.org", Party: party.Party{Number: "+12014567890"}},
		"sip:+12014567890@example.org":                         {User: "+12014567890", Host: "example.org", Party: party.Party{Number: "+12014567890"}},
		"tel:+1-201-456-7890":                                  {User: "+1-201-456-7890", Party: party.Party{Number: "+12014567890"}},
		"sip:0345-12347-01@x;user=phone;phone-context=+44":     {User: "0345-12347-01", Host: "x", Party: party.Party{Number: "03451234701", Context: "+44"}},
		"sip:0345;phone-context=+44@x;user=phone":              {User: "0345", Host: "x", Party: party.Party{Number: "0345", Context: "+44"}},
		"sip:+9725@x;user=phone;require=Q763-plan;Q763-plan=4": {User: "+9725", Host: "x", Party: party.Party{Number: "+9725", Plan: 4}, Required: []string{"Q763-plan"}},
		"sip:+9725@x;user=phone;require=Q763-plan,clir;a=Q763-plan:4;a=clir:true": {User: "+9725", Host: "x",
			Party: party.Party{Number: "+9725", Plan: 4, Hide: true}, Required: []string{"Q763-plan", "clir"}},
		"sip:17@x;user=phone;phone-context=X-acme.com-23": {User: "17", Host: "x", Party: party.Party{Number: "17", Context: "X-acme.com-23"}},
		"sip:200@x": {User: "200", Host: "x", Party: party.Party{Address: "sip:200@x"}},
	} {
		if got, err := read(t, text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v\nwant %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"sip:alice@x;user=phone", "sip:1--2@x;user=phone", "sip:1@x;user=phone;clir=maybe", "sip:1@x;user=phone;Q763-plan=9", "sip:1@x;user=phone;phone-context=+"} {
		if got, err := read(t, text); err == nil {
			t.Errorf("%s is taken: %+v", text, got)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add("sip:0345-12347-01@pint.example.uk;user=phone;phone-context=+44")
	f.Add("sip:+9725228808@pint.example.com;user=phone;require=Q763-plan;a=Q763-plan:4")
	f.Add("tel:+1-201-456-7890;phone-context=x")
	f.Fuzz(func(t *testing.T, text string) {
		u, perr := sip.ParseURI([]byte(text))
		if perr != nil {
			return
		}
		got, err := Of(u)
		if err == nil && got.Party.Number == "" && got.Party.Address == "" {
			t.Fatalf("%q names nobody: %+v", text, got)
		}
		if n := got.Party.Number; n != "" {
			if again, err := party.ParseNumber(n); err != nil || again != n {
				t.Fatalf("%q gives the number %q: %v", text, n, err)
			}
			_, _ = got.Party.Dial(nil)
		}
	})
}
