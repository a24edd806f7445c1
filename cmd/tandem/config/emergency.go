package config

import (
	"fmt"
	"strings"

	"tandem/rtc/label"
	"tandem/telephony/number"
	"tandem/telephony/routing"
)

// EmergencySite is how emergency calls leave a site.
type EmergencySite struct {
	Site     string `yaml:"site" json:"site,omitempty"`
	Trunk    string `yaml:"trunk" json:"trunk,omitempty"`
	Caller   string `yaml:"caller" json:"caller,omitempty"`
	Location string `yaml:"location" json:"location,omitempty"`
}

// Emergency is how emergency calls are led.
type Emergency struct {
	Sites []EmergencySite `yaml:"sites" json:"sites,omitempty"`
}

// Of is how emergency calls leave a site.
func (e *Emergency) Of(site string) (out routing.Emergency) {
	for _, s := range e.Sites {
		own := label.Same(s.Site, site)
		if own || s.Site == "" && out == (routing.Emergency{}) {
			out = routing.Emergency{Trunk: s.Trunk, Caller: s.Caller, Location: s.Location}
			if own {
				break
			}
		}
	}
	return out
}

func (c *Config) emergencyFaults(bad func(key, format string, args ...any)) {
	for i, s := range c.Emergency.Sites {
		key := fmt.Sprintf("emergency.sites[%d]", i)
		if digits, ok := strings.CutPrefix(s.Caller, "+"); s.Caller != "" && (!ok || digits == "" || strings.Trim(digits, "0123456789") != "") {
			bad(key+".caller", "%q is not a number with + and country code, such as +4930123456", s.Caller)
		}
		if s.Location != "" && (!strings.Contains(s.Location, ":") || strings.ContainsAny(s.Location, "<> \r\n\"")) {
			bad(key+".location", "%q is not a URI, such as https://lis.example.com/building-7", s.Location)
		}
	}
}

// EmergencyNumbers are the numbers of calls that are never shed: what everybody
// dials, those of the countries of all sites, and those of the house.
func EmergencyNumbers(plans *Plans, more []string) []string {
	list := append([]string{"112", "911"}, more...)
	for _, n := range []string{"000", "100", "101", "102", "103", "104", "108", "110", "111", "113", "114", "115", "117", "118", "119", "120", "122",
		"123", "127", "128", "133", "140", "141", "144", "15", "17", "18", "190", "191", "192", "193", "194", "195", "197", "199", "999"} {
		for plan := range plans.All {
			if num, err := plan.Parse(n); err == nil && plan.Class(num) == number.ClassEmergency {
				list = append(list, n)
				break
			}
		}
	}
	return list
}
