package rights

import (
	"log/slog"
	"testing"

	"tandem/rtc/policy"
	"tandem/telephony/number"
)

// TestOutOfTheBox: what a new installation lets people call.
func TestOutOfTheBox(t *testing.T) {
	w, err := number.NewWorld()
	if err != nil {
		t.Fatal(err)
	}
	engine := policy.New(policy.NewMemory(), []policy.Action{Calls()}, slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		country, number string
		allowed         bool
	}{
		{"DE", "112", true},
		{"DE", "0112", true},
		{"DE", "0301234567", true},
		{"DE", "015123456789", true},
		{"DE", "08001234567", true},
		{"DE", "116117", true},
		{"DE", "00441632960001", false},
		{"DE", "09001234567", false},
		{"DE", "09001234567890", false},
		{"DE", "11833", false},
		{"DE", "018012345", false},
		{"DE", "+881612345678", false},
		{"DE", "+19005551212", false},
		{"DE", "200", false}, // no user has it
		{"DE", "*21", false},
		{"", "112", true},
		{"", "+49301234567", false},
		{"", "09001234567", false}, // it looks like an extension
	} {
		p, err := w.Plan(number.Site{Country: c.country})
		if err != nil {
			t.Fatal(err)
		}
		n, err := p.Parse(c.number)
		if err != nil {
			t.Fatal(err)
		}
		if d := engine.May(policy.Subject{}, Question(p, n)); d.Allowed != c.allowed {
			t.Errorf("%s in %q: %s", c.number, c.country, d.Reason)
		}
	}
}

func TestEveryClassIsAKind(t *testing.T) {
	kinds := map[string]bool{}
	for _, k := range Calls().Kinds {
		if k.Name == "" || k.About == "" || kinds[k.Name] {
			t.Errorf("kind %+v", k)
		}
		kinds[k.Name] = true
	}
	for _, class := range number.Classes() {
		if !kinds[class.String()] {
			t.Errorf("%s has no kind", class)
		}
	}
}
