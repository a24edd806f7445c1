package feature

import "testing"

func TestRead(t *testing.T) {
	for dialled, want := range map[string]Code{
		"**200":            {Kind: Pickup, Arg: "200"},
		"**alice":          {Kind: Pickup, Arg: "alice"},
		"*8":               {Kind: GroupPickup},
		"*80bob":           {Kind: Intercom, Arg: "bob"},
		"*80":              {},
		"*5":               {Kind: Park},
		"*57":              {Kind: Retrieve, Arg: "7"},
		"*6100":            {Kind: Conference, Arg: "100"},
		"*31*0301234567":   {Kind: Withhold, Arg: "0301234567"},
		"*21*0301234567#":  {Kind: Always, Arg: "0301234567"},
		"*21*bob":          {Kind: Always, Arg: "bob"},
		"#21#":             {Kind: Always, Off: true},
		"#21":              {Kind: Always, Off: true},
		"*61*200#":         {Kind: NoAnswer, Arg: "200"},
		"*62*200#":         {Kind: Unreachable, Arg: "200"},
		"*67*+49301234567": {Kind: Busy, Arg: "+49301234567"},
		"#67#":             {Kind: Busy, Off: true},
		"*26#":             {Kind: DoNotDisturb},
		"*43#":             {Kind: CallWaiting},
		"#43#":             {Kind: CallWaiting, Off: true},
		"#26#":             {Kind: DoNotDisturb, Off: true},
		// what is none
		"": {}, "*": {}, "**": {}, "112": {}, "alice": {}, "*21#": {}, "*21*#": {}, "#21#5": {}, "*31*": {}, "*5x": {}, "*9": {}, "+4930": {},
	} {
		got, ok := Read(dialled)
		if !ok {
			got = Code{}
		}
		if got != want {
			t.Errorf("%q: %+v, want %+v", dialled, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("*21*0301234567#")
	f.Add("**")
	f.Fuzz(func(t *testing.T, dialled string) {
		if c, ok := Read(dialled); ok && (c.Kind == None || len(c.Arg) > len(dialled)) {
			t.Errorf("%q: %+v", dialled, c)
		}
	})
}
