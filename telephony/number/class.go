package number

import "fmt"

// Class is what kind of destination a number is, as far as permission and cost
// go.
type Class uint8

// The classes. A number whose kind is not known is ClassNational in the own
// country and ClassInternational elsewhere.
const (
	ClassInternal      Class = iota // of this site alone: an extension or a feature code
	ClassEmergency                  // 112, 911 and those of the country
	ClassNational                   // the own country's fixed and other ordinary numbers
	ClassMobile                     // the own country's mobile numbers, where they can be told
	ClassInternational              // other countries
	ClassPremium                    // charged at will: premium rate, personal numbers, pagers, international networks; here and abroad
	ClassSatellite                  // Inmarsat, Iridium, Globalstar, Thuraya and their like
	ClassSharedCost                 // shared cost and universal access numbers of the own country
	ClassTollFree                   // free of charge
	numClasses

	listed = numClasses // a short number that is in use, at a cost that is not known
)

var classNames = [numClasses]string{"internal", "emergency", "national", "mobile", "international",
	"premium", "satellite", "shared-cost", "toll-free"}

func (c Class) String() string {
	if c < numClasses {
		return classNames[c]
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// Classes are all there are.
func Classes() []Class {
	list := make([]Class, numClasses)
	for i := range list {
		list[i] = Class(i)
	}
	return list
}

// Class of a number as seen from the site. It allocates nothing but when a
// country is met for the first time, whose tables are then made in some
// milliseconds.
//
// A number that only begins like a premium one has that class too: exchanges
// connect a call once they have heard enough digits.
func (p *Plan) Class(n Number) Class {
	if !n.Global() {
		return p.shortClass(n)
	}
	code, rest, ok := p.world.split(n.digits())
	if !ok {
		return ClassInternational
	}
	if class, ok := networks(code, rest); ok {
		return class
	}
	own, full, begin := p.find(code, rest)
	switch {
	case own && p.emergency(rest): // a phone put the country's code in front
		return ClassEmergency
	case full.has(ClassPremium):
		return ClassPremium
	case full != 0 && !own:
		return ClassInternational
	case full.has(ClassTollFree):
		return ClassTollFree
	case full.has(ClassSharedCost):
		return ClassSharedCost
	case full.has(ClassMobile) && !full.has(ClassNational):
		return ClassMobile
	case full != 0:
		return ClassNational
	case begin.has(ClassPremium):
		return ClassPremium
	case !own:
		return ClassInternational
	case begin.has(ClassSharedCost):
		return ClassSharedCost
	}
	return ClassNational
}

// networks are the codes that are no country's.
func networks(code int, rest []byte) (Class, bool) {
	switch code {
	case 870, 881:
		return ClassSatellite, true
	case 882, 883: // whoever runs the network charges what they like
		if len(rest) >= 2 && (string(rest[:2]) == "13" || string(rest[:2]) == "16") && code == 882 { // EMSAT, Thuraya
			return ClassSatellite, true
		}
		return ClassPremium, true
	case 878, 979:
		return ClassPremium, true
	case 800:
		return ClassTollFree, true
	case 808:
		return ClassSharedCost, true
	}
	return 0, false
}

// find looks for the country of a number among those of its code. own is whether
// it is the site's; full and begin are as of automaton.run.
func (p *Plan) find(code int, rest []byte) (own bool, full, begin classes) {
	var home *region
	if p.country != nil && p.country.home.codeOf() == code {
		home = p.country.home // first: +1 800 is of all countries of its code
		if full, begin = p.country.numbers.run(rest); full != 0 {
			return true, full, begin
		}
	}
	for _, r := range p.world.codes[code] {
		if r == home {
			continue
		}
		c := r.country()
		f, b := c.numbers.run(rest)
		begin |= b
		if f != 0 || c.leads(rest) {
			return false, f, begin
		}
	}
	// Nobody's number in full.
	return home != nil && (p.country.leading == nil || p.country.leads(rest)), 0, begin
}

// leads reports whether a national number begins as only this country's do.
func (c *country) leads(rest []byte) bool { return c.leading != nil && c.leading.longest(rest) > 0 }

// shortClass is the class of a number that means something at the site only.
func (p *Plan) shortClass(n Number) Class {
	digits := n.text[:n.n]
	if !onlyDigits(digits) {
		return ClassInternal
	}
	if p.emergency(digits) {
		return ClassEmergency
	}
	if p.country == nil {
		return ClassInternal
	}
	switch full, _ := p.country.short.run(digits); {
	case full.has(ClassPremium):
		return ClassPremium
	case full.has(ClassTollFree):
		return ClassTollFree
	case full.has(ClassNational):
		return ClassNational
	case full.has(listed) && string(digits[:3]) == "118": // directory enquiries
		return ClassPremium
	}
	return ClassInternal
}

// emergency reports whether digits are an emergency number of the site.
func (p *Plan) emergency(digits []byte) bool {
	for _, e := range p.emergencies {
		if string(digits) == e {
			return true
		}
	}
	if p.country == nil {
		return false
	}
	full, _ := p.country.short.run(digits)
	return full.has(ClassEmergency)
}
