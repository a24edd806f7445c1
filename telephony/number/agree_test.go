package number

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// sample is a national number of a country, made by chance.
func (c *country) sample(r *rand.Rand) string {
	for {
		var digits []byte
		for state := uint16(1); len(digits) <= maxDigits; {
			if c.numbers.full[state] != 0 && r.IntN(2) == 0 {
				return string(digits)
			}
			d := r.IntN(10)
			for range 10 {
				if c.numbers.next[state][d] != 0 {
					break
				}
				d = (d + 1) % 10
			}
			if state = c.numbers.next[state][d]; state == 0 {
				break
			}
			digits = append(digits, '0'+byte(d))
		}
	}
}

// dialled are ways to dial a number of a country: as it is written there, with a
// carrier, with the prefix, with digits that belong to nobody, from abroad.
func dialled(c *country, r *rand.Rand) []string {
	id, national := c.home.meta.GetId(), c.sample(r)
	var list []string
	add := func(parts ...string) { list = append(list, strings.Join(parts, "")) }
	add("+", string(c.code), national)
	add("+", string(c.code), string(c.national), national)
	add(c.abroad, string(c.code), national)
	if len(c.national) > 0 {
		add(string(c.national), national)
		add(string(c.national), fmt.Sprint(r.Uint64())[:7+r.IntN(8)])
	}
	if n, err := phonenumbers.Parse("+"+string(c.code)+national, id); err == nil {
		add(phonenumbers.NormalizeDigitsOnly(phonenumbers.Format(n, phonenumbers.NATIONAL)))
		add(phonenumbers.NormalizeDigitsOnly(phonenumbers.FormatNationalNumberWithCarrierCode(n, fmt.Sprint(10+r.IntN(90)))))
	}
	if c.prefix != nil {
		add(national[min(len(national), r.IntN(5)):]) // an island's numbers without its code
		add(string(c.national), fmt.Sprint(r.IntN(100)), national)
	}
	return list
}

// TestAgreesWithPhonenumbers: what that library takes for a number in full, in any
// country and however dialled, is the same number here. It takes national numbers
// without their prefix and the country's code without '+', too; both are local here.
func TestAgreesWithPhonenumbers(t *testing.T) {
	w := world(t)
	chance := rand.New(rand.NewPCG(1, 2))
	compared, byRule := 0, 0
	for _, id := range slices.Sorted(maps.Keys(w.regions)) {
		p, err := w.Plan(Site{Country: id})
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			for _, text := range dialled(p.country, chance) {
				theirs, err := phonenumbers.ParseAndKeepRawInput(text, id)
				if err != nil || theirs.GetCountryCodeSource() == phonenumbers.PhoneNumber_FROM_NUMBER_WITHOUT_PLUS_SIGN || !phonenumbers.IsValidNumber(theirs) {
					continue
				}
				ours, err := p.Parse(text)
				if err == nil && !ours.Global() && !strings.HasPrefix(text, string(p.country.national)) {
					continue
				}
				want := phonenumbers.Format(theirs, phonenumbers.E164)
				if len(want) > 1+maxDigits { // some of Korea's
					continue
				}
				compared++
				if p.country.prefix != nil {
					byRule++
				}
				if err != nil || ours.String() != want {
					t.Errorf("%s in %s: %s, %v; want %s", text, id, ours, err, want)
				}
			}
		}
	}
	t.Logf("%d numbers, %d in countries with rules", compared, byRule)
	if compared < 9000 || byRule < 1600 {
		t.Errorf("only %d numbers were compared, %d in countries with rules", compared, byRule)
	}
}
