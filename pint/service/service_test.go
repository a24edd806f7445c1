package service

import (
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	table, err := New([]Service{{Name: "Sales", Kind: Call, Party: "sip:sales@example.com", First: A}, {Name: "r2c", Kind: Call, Retries: 2}})
	if err != nil {
		t.Fatal(err)
	}
	if s := table.Find("sALES"); s == nil || s.First != A || s.RingTime != time.Minute {
		t.Errorf("%+v", s)
	}
	if s := table.Find("R2C"); s.Retries != 2 || s.First != B || s.AnyParty {
		t.Errorf("%+v", s)
	}
	if table.Find("R2X") != nil || len(table.All()) != 5 {
		t.Error(len(table.All()))
	}
	for name, s := range map[string]Service{
		"no name": {Kind: Call}, "blank": {Name: "a b", Kind: Call}, "no kind": {Name: "a"}, "reserved": {Name: "R2F", Kind: Call},
		"first": {Name: "a", Kind: Call, First: "c"}, "retries": {Name: "a", Kind: Call, Retries: 11}, "reason": {Name: "a", Kind: Call, RetryOn: []Reason{"rain"}},
		"zone": {Name: "a", Kind: Call, Quiet: Quiet{From: "22:00", Until: "07:00", Zone: "Europe/Nowhere"}}, "time": {Name: "a", Kind: Call, Quiet: Quiet{From: "25:00", Until: "07:00"}},
		"record": {Name: "a", Kind: Call, Record: "twice"}, "recorded fax": {Name: "a", Kind: Fax, Record: RecordAsked}, "recorded text": {Name: "a", Kind: Hear, Record: RecordAlways},
		"machine": {Name: "a", Kind: Call, Machine: "shout"}, "no message": {Name: "a", Kind: Call, Machine: ActionSpeak}, "fax to a machine": {Name: "a", Kind: Fax, Machine: ActionHangup},
		"half": {Name: "a", Kind: Call, Quiet: Quiet{From: "22:00"}},
	} {
		if _, err := New([]Service{s}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := New([]Service{{Name: "a", Kind: Call}, {Name: "A", Kind: Call}}); err == nil {
		t.Error("a name twice is taken")
	}
}

// Quiet hours, over midnight and across a change of the clock.
func TestQuiet(t *testing.T) {
	night, noon := Quiet{"22:00", "07:00", "Europe/Berlin"}, Quiet{"12:00", "13:30", ""}
	for _, c := range []struct {
		q        Quiet
		at, over string // RFC 3339
	}{
		{night, "2027-01-10T20:59:59Z", ""}, {night, "2027-01-10T21:00:00Z", "2027-01-11T06:00:00Z"}, {night, "2027-01-11T05:59:00Z", "2027-01-11T06:00:00Z"},
		{night, "2027-01-11T06:00:00Z", ""}, {night, "2027-03-27T22:00:00Z", "2027-03-28T05:00:00Z"}, {night, "2027-10-30T22:00:00Z", "2027-10-31T06:00:00Z"},
		{noon, "2027-01-10T12:00:00Z", "2027-01-10T13:30:00Z"}, {noon, "2027-01-10T13:30:00Z", ""}, {Quiet{}, "2027-01-10T12:00:00Z", ""},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if over := c.q.Over(at); !over.IsZero() {
			got = over.UTC().Format(time.RFC3339)
		}
		if got != c.over {
			t.Errorf("%s: %q, want %q", c.at, got, c.over)
		}
	}
}
