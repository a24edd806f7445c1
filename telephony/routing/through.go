package routing

import (
	"fmt"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/feature"
)

// Through has a number called by one trunk alone, or by those of a trunk group; "" is any
// trunk. The error is a *rtc.Status: it serves none of them.
func (t *Route) Through(trunk string) error {
	if trunk == "" || t.Called != "" {
		return nil
	}
	t.Ask = false // what DNS says of a number is not that trunk's
	var left Rounds
	for _, r := range t.Rounds {
		if t := r.To[0].Trunk; t != nil && (t.Name == trunk || t.Group == trunk) {
			left = append(left, r)
		}
	}
	if t.Rounds = left; len(left) == 0 {
		return &rtc.Status{Code: 503, Reason: "Not Reached by the Trunk", Err: fmt.Errorf("trunk %s does not serve %s", trunk, t.Number)}
	}
	return nil
}

// CodeOf is the code of a service that a URI leads to, whatever its domain; the zero value
// for any other.
func CodeOf(target string) feature.Code {
	uri, err := sip.ParseURI([]byte(target))
	if err != nil {
		return feature.Code{}
	}
	code, _ := feature.Read(Dialled(uri))
	return code
}
