package presrules

import (
	"slices"
	"testing"

	"tandem/rtc/contacts/xcap"
	"tandem/rtc/policy/consent"
)

func rules(s string) []byte {
	return []byte(`<cp:ruleset xmlns:cp="` + xcap.PolicySpace + `" xmlns:pr="` + xcap.RulesSpace + `">` + s + `</cp:ruleset>`)
}

func rule(id, conditions, action string) string {
	return `<cp:rule id="` + id + `"><cp:conditions>` + conditions + `</cp:conditions><cp:actions><pr:sub-handling>` + action + `</pr:sub-handling></cp:actions></cp:rule>`
}

func same(doc []byte, want []consent.Rule) bool {
	have, err := Read(doc)
	return err == nil && Same(have, want)
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		doc  string
		want []consent.Rule
	}{
		{rule("a", `<cp:identity><cp:one id="sip:Bob@Example.com"/><cp:one id="pres:carol@example.com"/></cp:identity>`, "block"),
			[]consent.Rule{{Kind: consent.User, Name: "sip:Bob@example.com", Action: consent.Block}, {Kind: consent.User, Name: "sip:carol@example.com", Action: consent.Block}}},
		{rule("a", `<cp:identity><cp:many domain="Example.NET"/></cp:identity>`, " polite-block "), []consent.Rule{{Kind: consent.Domain, Name: "example.net", Action: consent.PoliteBlock}}},
		{rule("a", `<cp:identity><cp:one id="tel:+49-30-1234"/><cp:one id="tel:0301234"/></cp:identity>`, "block"),
			[]consent.Rule{{Kind: consent.User, Name: "tel:+49301234", Action: consent.Block}, {Kind: consent.User, Name: "tel:0301234", Action: consent.Block}}},
		{rule("a", ``, "confirm"), []consent.Rule{{Kind: consent.Everyone, Action: consent.Confirm}}},
		{rule("a", `<cp:identity><cp:many/></cp:identity>`, "allow"), []consent.Rule{{Kind: consent.Everyone, Action: consent.Allow}}},
		{rule("a", `<cp:identity><cp:one id="sip:b@c"/></cp:identity>`, "block") + rule("b", `<cp:identity><cp:one id="sip:b@c"/></cp:identity>`, "allow"),
			[]consent.Rule{{Kind: consent.User, Name: "sip:b@c", Action: consent.Allow}}},
		{rule("a", `<cp:sphere value="work"/>`, "allow"), nil},                                                                                                                // would grant too much
		{rule("a", `<cp:identity><cp:many><cp:except id="sip:b@c"/></cp:many></cp:identity>`, "allow"), nil},                                                                  // the same
		{rule("a", `<cp:identity><cp:one id="sip:b@c"/></cp:identity><cp:validity/>`, "block"), []consent.Rule{{Kind: consent.User, Name: "sip:b@c", Action: consent.Block}}}, // to block too long is safe
	} {
		doc := rules(c.doc)
		if err := xcap.PresRules.Validate(doc); err != nil {
			t.Fatal(err)
		}
		got, err := Read(doc)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s\n got %+v %v\nwant %+v", c.doc, got, err, c.want)
		}
		if again := Write(got); !same(again, got) || xcap.PresRules.Validate(again) != nil {
			t.Errorf("written as %s", again)
		}
	}
}

// Whatever a document says that XCAP takes: the rules read of it are written as a
// document that says the same.
func FuzzRead(f *testing.F) {
	f.Add(rules(rule("a", `<cp:identity><cp:one id="sip:b@c"/><cp:many domain="d"/></cp:identity>`, "block")))
	f.Add(rules(rule("a", `<cp:identity><cp:many><cp:except id="sip:b@c"/></cp:many></cp:identity>`, "polite-block") + rule("b", "", "confirm")))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if xcap.PresRules.Validate(doc) != nil {
			return
		}
		got, err := Read(doc)
		if err != nil {
			return
		}
		again := Write(got)
		if err := xcap.PresRules.Validate(again); err != nil || !same(again, got) {
			t.Fatalf("%q\nis read as %+v\nand written as %q: %v", doc, got, again, err)
		}
	})
}
