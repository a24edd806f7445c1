package presence

import (
	"testing"
	"time"

	"tandem/rtc/location"
	"tandem/rtc/presence/pidf"
)

// device is a publication: whether it is open, what its user does, and how long
// ago it was published.
func device(id string, open bool, activity string, ago time.Duration) *publication {
	d := &pidf.Document{Tuples: []pidf.Tuple{{ID: "t", Open: open}}}
	if activity != "" {
		d.Person = &pidf.Person{Activities: []string{activity}}
	}
	return &publication{id: id, doc: d, since: time.Unix(1e9, 0).Add(-ago)}
}

// The rules of composition, as the package comment has them.
func TestCompose(t *testing.T) {
	phone := []location.Binding{{URI: "sip:bob@192.0.2.1"}}
	for name, c := range map[string]struct {
		s      sources
		says   string
		tuples int
	}{
		"nothing is known":                   {sources{}, "offline", 1},
		"a phone is registered":              {sources{bindings: phone}, "available", 1},
		"a closed device":                    {sources{published: []*publication{device("a", false, "busy", 0)}}, "offline", 1},
		"a closed device and a phone":        {sources{published: []*publication{device("a", false, "", 0)}, bindings: phone}, "available", 2},
		"away at one of two devices":         {sources{published: []*publication{device("a", true, "away", 0), device("b", true, "", time.Hour)}}, "available", 2},
		"away at both":                       {sources{published: []*publication{device("a", true, "away", 0), device("b", true, "away", time.Hour)}}, "away", 2},
		"the device used last":               {sources{published: []*publication{device("a", true, "meeting", time.Hour), device("b", true, "busy", 0)}}, "busy", 2},
		"a call beside what a device says":   {sources{published: []*publication{device("a", true, "busy", 0)}, calls: 1}, "on-the-phone, busy", 1},
		"call and calendar":                  {sources{bindings: phone, calls: 1, calendar: Manual{Activity: "meeting"}}, "on-the-phone, meeting", 1},
		"by hand, whatever else":             {sources{bindings: phone, calls: 1, calendar: Manual{Activity: "meeting"}, manual: Manual{Activity: "vacation"}}, "vacation", 1},
		"by hand available":                  {sources{published: []*publication{device("a", true, "away", 0)}, manual: Manual{Activity: "available"}}, "available", 1},
		"by hand offline":                    {sources{bindings: phone, manual: Manual{Activity: "offline"}}, "offline", 1},
		"by hand, but nothing can reach him": {sources{manual: Manual{Activity: "busy"}}, "offline, busy", 1},
		"by hand, and a closed device":       {sources{published: []*publication{device("a", false, "away", 0)}, manual: Manual{Activity: "busy"}}, "offline, busy", 1},
		"by calendar without a device":       {sources{calls: 1, calendar: Manual{Activity: "meeting"}}, "offline, meeting", 1},
		"by hand before the calendar":        {sources{calendar: Manual{Activity: "meeting"}, manual: Manual{Activity: "vacation"}}, "offline, vacation", 1},
		"available without a device":         {sources{manual: Manual{Activity: "available"}}, "offline", 1},
		"offline by hand, whatever else":     {sources{calendar: Manual{Activity: "meeting"}, manual: Manual{Activity: "offline", Note: "hidden"}}, "offline", 1},
	} {
		c.s.aor = "sip:bob@example.com"
		d := compose(c.s)
		if got := Summary(d); got != c.says || len(d.Tuples) != c.tuples {
			t.Errorf("%s: %s with %d services, want %s with %d\n%s", name, got, len(d.Tuples), c.says, c.tuples, d.Bytes())
		}
		if string(compose(c.s).Bytes()) != string(d.Bytes()) {
			t.Errorf("%s: not the same twice", name)
		}
	}
}
