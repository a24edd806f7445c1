// Package storetest checks implementations of pint.Store: what one of them promises
// all do.
package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"tandem/pint"
	"tandem/pint/party"
	"tandem/pint/service"
	"tandem/rtc"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s pint.Store, again func() pint.Store)) {
	for name, check := range map[string]func(*testing.T, pint.Store, func() pint.Store){
		"all fields survive":     fields,
		"put replaces":           replaces,
		"unfinished":             unfinished,
		"origin of a requester":  origin,
		"list":                   list,
		"prune":                  prune,
		"numbers":                numbers,
		"watches":                watches,
		"many":                   many,
		"a copy is not the rest": copies,
	} {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			check(t, s, again)
		})
	}
}

var start = time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC)

// Full is a session with a value in every field.
func Full(id string) pint.Session {
	return pint.Session{ID: id,
		Order: pint.Order{Service: "R2C", Kind: service.Call, Door: pint.REST, By: "sip:alice@example.com", Client: "token:crm",
			A: party.Party{Number: "+12014567890", Address: "", Context: "+44", Hide: true, Nature: 3, Plan: 1}, B: party.Party{Address: "sip:bob@example.com"},
			Provider: "telco.example", First: service.B, At: start, Until: start.Add(time.Hour), Zone: "Europe/Berlin",
			Content:  []pint.Content{{Media: "text/plain", URI: "https://example.com/x", Part: []byte("Grüße"), Opaque: "1234-PIN"}},
			Language: "de", CallerID: [2]string{"+4930", "+4940"}, RingTime: time.Minute, MaxTalk: time.Hour, Record: true,
			Retries: 3, Pause: time.Minute, Origin: "- 1 IN IP4 host", Description: "v=0\r\n", CallID: "c@host", Tag: "tag",
			Sink: pint.Sink{URL: "https://example.com/sink", Token: "token", Secret: []byte{1, 2}}, Labels: map[string]string{"case": "7"}},
		State: pint.Connected, Info: "connected", Code: 200, Cause: 16, EndedBy: "A", Missed: service.B,
		Created: start, Due: start.Add(time.Second), Started: start.Add(2 * time.Second), Connected: start.Add(3 * time.Second), Ended: start.Add(4 * time.Second),
		Tries: 2, Calls: []string{"one", "two"}, Gateway: "berlin", Recording: "call.wav", Machine: service.A,
		Events: []pint.Event{{Time: start, State: pint.Accepted, Info: "queued"}}, Told: 1,
	}
}

func put(t *testing.T, s pint.Store, list ...pint.Session) {
	t.Helper()
	done := make(chan error, len(list))
	for i := range list {
		if err := s.Put(&list[i], func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
	}
	for range list {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func get(t *testing.T, s pint.Store, id string) pint.Session {
	t.Helper()
	got, ok, err := s.Session(t.Context(), id)
	if err != nil || !ok {
		t.Fatalf("session %s: %v, %v", id, ok, err)
	}
	return got
}

func fields(t *testing.T, s pint.Store, again func() pint.Store) {
	want := Full("x")
	for _, v := range []reflect.Value{reflect.ValueOf(want), reflect.ValueOf(want.Order)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Fatalf("%s has no value in this test", v.Type().Field(i).Name)
			}
		}
	}
	put(t, s, want)
	if got := get(t, again(), "x"); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

func replaces(t *testing.T, s pint.Store, again func() pint.Store) {
	x := Full("x")
	put(t, s, x)
	x.State, x.Info = pint.Completed, "ended"
	put(t, s, x)
	s = again()
	if got := get(t, s, "x"); got.State != pint.Completed || got.Info != "ended" {
		t.Errorf("%+v", got)
	}
	if _, ok, err := s.Session(t.Context(), "y"); ok || err != nil {
		t.Error(ok, err)
	}
}

func unfinished(t *testing.T, s pint.Store, again func() pint.Store) {
	goes, ended, owed, waits := Full("goes"), Full("ended"), Full("owed"), Full("waits")
	ended.State = pint.Completed
	owed.State, owed.Told = pint.Failed, 0
	waits.State, waits.Sink = pint.Scheduled, pint.Sink{}
	put(t, s, goes, ended, owed, waits)
	var got []string
	if err := again().Unfinished(t.Context(), func(s pint.Session) { got = append(got, s.ID) }); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(got); !slices.Equal(got, []string{"goes", "owed", "waits"}) {
		t.Error(got)
	}
}

func origin(t *testing.T, s pint.Store, _ func() pint.Store) {
	one, two, other, none := Full("one"), Full("two"), Full("other"), Full("none")
	two.Created = two.Created.Add(time.Second)
	other.By, other.Created = "sip:eve@example.com", other.Created.Add(time.Hour)
	none.Origin = ""
	put(t, s, one, two, other, none)
	if got, ok, err := s.Origin(t.Context(), "sip:alice@example.com", "- 1 IN IP4 host"); !ok || err != nil || got.ID != "two" {
		t.Error(got.ID, ok, err)
	}
	for _, o := range []string{"- 2 IN IP4 host", ""} {
		if got, ok, err := s.Origin(t.Context(), one.By, o); ok || err != nil {
			t.Error(o, got.ID, ok, err)
		}
	}
	if got, ok, _ := s.Origin(t.Context(), "sip:bob@example.com", "- 1 IN IP4 host"); ok {
		t.Error("of somebody else:", got.ID)
	}
}

func list(t *testing.T, s pint.Store, _ func() pint.Store) {
	var all []pint.Session
	for i := range 5 {
		x := Full(fmt.Sprint(i))
		x.Created = start.Add(time.Duration(i) * time.Minute)
		all = append(all, x)
	}
	all[1].By, all[2].State = "sip:eve@example.com", pint.Failed
	put(t, s, all...)
	for _, c := range []struct {
		q    pint.Query
		want []string
	}{
		{pint.Query{}, []string{"4", "3", "2", "1", "0"}},
		{pint.Query{By: "sip:alice@example.com"}, []string{"4", "3", "2", "0"}},
		{pint.Query{State: pint.Failed}, []string{"2"}},
		{pint.Query{Limit: 2}, []string{"4", "3"}},
		{pint.Query{Before: all[3].Created, Limit: 2}, []string{"2", "1"}},
	} {
		got, err := s.List(t.Context(), c.q)
		var ids []string
		for _, g := range got {
			ids = append(ids, g.ID)
		}
		if err != nil || !slices.Equal(ids, c.want) {
			t.Errorf("%+v: %v, %v; want %v", c.q, ids, err, c.want)
		}
	}
}

func prune(t *testing.T, s pint.Store, again func() pint.Store) {
	old, young, open := Full("old"), Full("young"), Full("open")
	old.State, young.State = pint.Completed, pint.Completed
	young.Ended = start.Add(24 * time.Hour)
	open.Ended = time.Time{}
	put(t, s, old, young, open)
	if n, err := s.Prune(t.Context(), start.Add(time.Hour), 10); n != 1 || err != nil {
		t.Error(n, err)
	}
	s = again()
	if _, ok, _ := s.Session(t.Context(), "old"); ok {
		t.Error("the old one is still there")
	}
	get(t, s, "young")
	get(t, s, "open")
}

func numbers(t *testing.T, s pint.Store, again func() pint.Store) {
	want := []pint.OwnNumber{
		{User: "sip:alice@example.com", Number: "+4930", Since: start, How: "administrator"},
		{User: "sip:bob@example.com", Number: "+4940", Since: start, How: "call"},
	}
	for _, n := range append(want, pint.OwnNumber{User: "sip:bob@example.com", Number: "+4950", Since: start, How: "call"}, want[0]) {
		if err := s.PutNumber(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []string{"+4950", "+4999"} {
		if err := s.DeleteNumber(t.Context(), "sip:bob@example.com", n); err != nil {
			t.Fatal(err)
		}
	}
	var got []pint.OwnNumber
	if err := again().Numbers(t.Context(), func(n pint.OwnNumber) { got = append(got, n) }); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b pint.OwnNumber) int { return a.Since.Compare(b.Since)*2 + compare(a.Number, b.Number) })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func compare(a, b string) int {
	if a < b {
		return -1
	}
	return 1
}

func many(t *testing.T, s pint.Store, again func() pint.Store) {
	var all []pint.Session
	for i := range 2500 {
		x := Full(fmt.Sprintf("%04d", i))
		x.State, x.By = pint.Scheduled, rtc.AOR(fmt.Sprintf("sip:user%d@example.com", i%100))
		all = append(all, x)
	}
	put(t, s, all...)
	n := 0
	if err := again().Unfinished(t.Context(), func(pint.Session) { n++ }); err != nil || n != len(all) {
		t.Error(n, err)
	}
}

func copies(t *testing.T, s pint.Store, _ func() pint.Store) {
	x := Full("x")
	put(t, s, x)
	x.Events[0].Info, x.Labels["case"] = "changed", "8"
	if got := get(t, s, "x"); got.Events[0].Info != "queued" || got.Labels["case"] != "7" {
		t.Errorf("%+v", got)
	}
}

func watches(t *testing.T, s pint.Store, again func() pint.Store) {
	done := make(chan error, 1)
	do := func(err error) {
		t.Helper()
		if err == nil {
			err = <-done
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	tell := func(err error) { done <- err }
	x := pint.Watch{ID: "x", Session: "s", By: "sip:alice@example.com", Until: start.Add(time.Hour), Dialog: []byte(`{"CallID":"c"}`)}
	y := pint.Watch{ID: "y", Session: "s", By: "sip:alice@example.com", Until: start, Dialog: []byte("{}")}
	do(s.PutWatch(x, tell))
	do(s.PutWatch(y, tell))
	x.Until, x.Dialog = start.Add(2*time.Hour), []byte(`{"CallID":"d"}`)
	do(s.PutWatch(x, tell))
	do(s.DeleteWatch("y", tell))
	do(s.DeleteWatch("z", tell))
	var got []pint.Watch
	if err := again().Watches(t.Context(), func(w pint.Watch) { got = append(got, w) }); err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], x) {
		t.Errorf("%+v, %v; want %+v", got, err, x)
	}
}
