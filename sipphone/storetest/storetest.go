// Package storetest checks implementations of inventory.Store: what one of them
// promises all do.
package storetest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"tandem/sipphone"
	"tandem/sipphone/inventory"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s inventory.Store, again func() inventory.Store)) {
	for name, check := range map[string]func(*testing.T, inventory.Store, func() inventory.Store){
		"all fields survive": fields,
		"put replaces":       replaces,
		"delete takes one":   deletes,
		"many in order":      many,
	} {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			check(t, s, again)
		})
	}
}

func at(hour int) time.Time { return time.Date(2026, 11, 1, hour, 0, 0, 0, time.UTC) }

// full has a value in every field.
func full(mac sipphone.MAC) sipphone.Phone {
	return sipphone.Phone{MAC: mac, Family: "yealink", Model: "T53W", Label: "Empfang München", Site: "berlin", Timezone: "Europe/Berlin", Language: "de",
		Generation: 3, Lines: []sipphone.Line{{User: "sip:alice@example.com", Label: "A", Shared: true}},
		Keys:     []sipphone.Key{{Kind: sipphone.KeyLamp, Target: "bob", Label: "Bob"}},
		Settings: map[string]string{"a": "b"}, Window: at(1), Guest: []sipphone.Line{{User: "sip:carol@example.com"}}, Created: at(2), Changed: at(3)}
}

func seen(mac sipphone.MAC) inventory.Seen {
	return inventory.Seen{MAC: mac, Agent: "Yealink", Model: "T53W", Firmware: "1.2", From: "192.0.2.1", File: "x.cfg", Fetched: at(4), Login: "window", Registered: at(5)}
}

func phones(t *testing.T, s inventory.Store) (list []sipphone.Phone) {
	t.Helper()
	must(t, s.Phones(t.Context(), func(p sipphone.Phone) { list = append(list, p) }))
	return list
}

func sightings(t *testing.T, s inventory.Store) (list []inventory.Seen) {
	t.Helper()
	must(t, s.Seen(t.Context(), func(p inventory.Seen) { list = append(list, p) }))
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("kept %+v\nwant %+v", got, want)
	}
}

func fields(t *testing.T, s inventory.Store, again func() inventory.Store) {
	want := []sipphone.Phone{full("0004f2000001"), {MAC: "0004f2000002", Family: "snom", Generation: 1, Created: at(1), Changed: at(1)}}
	must(t, s.PutPhones(t.Context(), want))
	must(t, s.PutSeen(t.Context(), []inventory.Seen{seen("0004f2000001")}))
	file := inventory.Served{MAC: "0004f2000001", File: "0004f2000001.cfg", Text: []byte("a = b\nä\n"), At: at(5)}
	must(t, s.PutServed(t.Context(), file))
	s = again()
	same(t, phones(t, s), want)
	same(t, sightings(t, s), []inventory.Seen{seen("0004f2000001")})
	list, err := s.Served(t.Context(), "0004f2000001")
	must(t, err)
	if len(list) != 1 || !list[0].At.Equal(file.At) || string(list[0].Text) != string(file.Text) || list[0].File != file.File {
		t.Errorf("kept %+v, want %+v", list, file)
	}
}

func replaces(t *testing.T, s inventory.Store, again func() inventory.Store) {
	p := full("0004f2000001")
	must(t, s.PutPhones(t.Context(), []sipphone.Phone{p}))
	p.Lines, p.Guest, p.Generation = nil, nil, 4
	must(t, s.PutPhones(t.Context(), []sipphone.Phone{p}))
	for n := range 3 {
		must(t, s.PutServed(t.Context(), inventory.Served{MAC: p.MAC, File: "a", Text: fmt.Append(nil, n), At: at(n)}))
	}
	s = again()
	same(t, phones(t, s), []sipphone.Phone{p})
	list, err := s.Served(t.Context(), p.MAC)
	must(t, err)
	if len(list) != 1 || string(list[0].Text) != "2" {
		t.Errorf("kept %+v", list)
	}
}

func deletes(t *testing.T, s inventory.Store, again func() inventory.Store) {
	for _, mac := range []sipphone.MAC{"0004f2000001", "0004f2000002"} {
		must(t, s.PutPhones(t.Context(), []sipphone.Phone{full(mac)}))
		must(t, s.PutSeen(t.Context(), []inventory.Seen{seen(mac)}))
		must(t, s.PutServed(t.Context(), inventory.Served{MAC: mac, File: "a", Text: []byte("x"), At: at(1)}))
	}
	must(t, s.DeletePhone(t.Context(), "0004f2000001"))
	must(t, s.DeletePhone(t.Context(), "0004f2000009"))
	s = again()
	same(t, phones(t, s), []sipphone.Phone{full("0004f2000002")})
	same(t, sightings(t, s), []inventory.Seen{seen("0004f2000002")})
	list, err := s.Served(t.Context(), "0004f2000001")
	if err != nil || len(list) != 0 {
		t.Errorf("served to a phone that is gone: %v, %v", list, err)
	}
}

func many(t *testing.T, s inventory.Store, again func() inventory.Store) {
	var want []sipphone.Phone
	for i := range 2500 {
		p := full(sipphone.MAC(fmt.Sprintf("0004f2%06x", i)))
		want = append(want, p)
	}
	must(t, s.PutPhones(t.Context(), want))
	same(t, phones(t, again()), want)
}
