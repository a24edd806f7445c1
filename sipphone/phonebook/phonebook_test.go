package phonebook

import (
	"encoding/xml"
	"strings"
	"testing"
)

// TestWrite: each form is XML with every entry, hostile names in their place, and none
// has more than Max.
func TestWrite(t *testing.T) {
	for family, element := range map[string]string{"polycom": "ct", "grandstream": "phonenumber", "snom": "number", "yealink": "Telephone", "fanvil": "Telephone", "cisco-mpp": "Telephone", "gigaset": "hm", "cisco-7960": "Telephone", "cisco-enterprise": "Telephone"} {
		b, err := Write(family, []Entry{{`Eva "<&>" & Co`, "100"}, {"Max", "+49301234"}})
		var any struct{}
		if err != nil || xml.Unmarshal(b, &any) != nil || strings.Count(string(b), "<"+element+">") != 2 || strings.Contains(string(b), `"<&>"`) {
			t.Errorf("%s: %v\n%s", family, err, b)
		}
		most := Max
		if family == "cisco-7960" || family == "cisco-enterprise" {
			most = maxCisco
		}
		if b, _ = Write(family, make([]Entry, Max+1)); strings.Count(string(b), "<"+element+">") != most {
			t.Errorf("%s: not %d entries", family, most)
		}
	}
}
