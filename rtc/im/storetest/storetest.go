// Package storetest checks implementations of kept.Store: what one of them
// promises all do.
package storetest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/im/kept"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s kept.Store, again func() kept.Store)) {
	for name, check := range map[string]func(*testing.T, kept.Store, func() kept.Store){
		"all fields survive":       fields,
		"a repetition is one":      repetition,
		"what waits is noted":      settles,
		"pages are in order":       pages,
		"devices survive":          devices,
		"who is forgotten":         forgotten,
		"the index is of everyone": index,
	} {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			check(t, s, again)
		})
	}
}

const bob, carol rtc.AOR = "sip:bob@example.com", "sip:carol@example.com"

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func message(id int64, to rtc.AOR) kept.Message {
	return kept.Message{ID: id, To: to, From: "sip:alice@example.com", Key: fmt.Sprint("tag call-", id, " 1"), Arrived: noon, Expires: noon.Add(time.Hour),
		Hops: 69, Waiting: []string{"<urn:uuid:a>", kept.Anyone}, Text: []byte("From: <sip:alice@example.com>;tag=1\r\n\r\nhello \xff")}
}

// wait returns a done, and what it was told.
func wait(t *testing.T, f func(done func(error)) error) {
	t.Helper()
	result := make(chan error, 1)
	if err := f(func(err error) { result <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, s kept.Store, list ...kept.Message) {
	t.Helper()
	for _, m := range list {
		wait(t, func(done func(error)) error { return s.Put(m, done) })
	}
}

func of(t *testing.T, s kept.Store, to rtc.AOR, from int64, limit int) []kept.Message {
	t.Helper()
	list, err := s.Messages(t.Context(), to, from, limit)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func fields(t *testing.T, s kept.Store, again func() kept.Store) {
	want := message(7, bob)
	want.Held, want.Secure = true, true
	put(t, s, want)
	if got := of(t, again(), bob, 0, 10); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func repetition(t *testing.T, s kept.Store, again func() kept.Store) {
	first, second, other := message(1, bob), message(2, bob), message(3, carol)
	second.Key, second.Text, other.Key = first.Key, []byte("another"), first.Key
	put(t, s, first, second, other)
	s = again()
	if got := of(t, s, bob, 0, 10); len(got) != 1 || got[0].ID != 1 || string(got[0].Text) != string(first.Text) {
		t.Errorf("bob has %+v", got)
	}
	if got := of(t, s, carol, 0, 10); len(got) != 1 {
		t.Errorf("carol has %+v", got)
	}
}

func settles(t *testing.T, s kept.Store, again func() kept.Store) {
	put(t, s, message(1, bob), message(2, bob))
	wait(t, func(done func(error)) error { return s.Settle(1, []string{"<urn:uuid:b>"}, true, done) })
	wait(t, func(done func(error)) error { return s.Settle(2, nil, false, done) })
	wait(t, func(done func(error)) error { return s.Settle(99, nil, false, done) })
	got := of(t, again(), bob, 0, 10)
	if len(got) != 1 || strings.Join(got[0].Waiting, " ") != "<urn:uuid:b>" || !got[0].Held {
		t.Errorf("bob has %+v", got)
	}
}

func pages(t *testing.T, s kept.Store, _ func() kept.Store) {
	for _, id := range []int64{5, 3, 9, 1, 7} {
		put(t, s, message(id, bob))
	}
	put(t, s, message(4, carol))
	ids := ""
	for _, m := range of(t, s, bob, 3, 3) {
		ids += fmt.Sprint(m.ID)
	}
	if ids != "357" {
		t.Errorf("from 3, three: %s", ids)
	}
}

func devices(t *testing.T, s kept.Store, again func() kept.Store) {
	a, b := kept.Device{User: bob, Instance: "<urn:uuid:a>", Seen: noon}, kept.Device{User: bob, Instance: "<urn:uuid:b>", Seen: noon}
	wait(t, func(done func(error)) error { return s.PutDevice(a, done) })
	wait(t, func(done func(error)) error { return s.PutDevice(b, done) })
	a.Seen = noon.Add(time.Hour)
	wait(t, func(done func(error)) error { return s.PutDevice(a, done) })
	wait(t, func(done func(error)) error { return s.DeleteDevice(bob, b.Instance, done) })
	var got []kept.Device
	if err := again().Devices(t.Context(), func(d kept.Device) { got = append(got, d) }); err != nil || len(got) != 1 || got[0] != a {
		t.Errorf("%+v, %v", got, err)
	}
}

func index(t *testing.T, s kept.Store, again func() kept.Store) {
	const n = 1003 // more than one page
	for i := range n {
		put(t, s, message(int64(n-i), rtc.AOR(fmt.Sprint("sip:u", i%7, "@example.com"))))
	}
	var last int64
	seen := 0
	err := again().Index(t.Context(), func(m kept.Message, octets int) {
		if m.ID <= last || m.Text != nil || octets < 100 || len(m.Waiting) != 2 {
			t.Errorf("%+v after %d, %d octets", m, last, octets)
		}
		last = m.ID
		seen++
	})
	if err != nil || seen != n {
		t.Errorf("%d, %v", seen, err)
	}
}

func forgotten(t *testing.T, s kept.Store, again func() kept.Store) {
	put(t, s, message(1, bob), message(2, carol), message(3, bob))
	for _, u := range []rtc.AOR{bob, carol} {
		wait(t, func(done func(error)) error {
			return s.PutDevice(kept.Device{User: u, Instance: "<urn:uuid:a>", Seen: noon}, done)
		})
	}
	if err := s.Forget(t.Context(), bob); err != nil {
		t.Fatal(err)
	}
	s = again()
	if n, m := len(of(t, s, bob, 0, 10)), len(of(t, s, carol, 0, 10)); n != 0 || m != 1 {
		t.Errorf("%d messages of who is forgotten, %d of another; want 0, 1", n, m)
	}
	var left []rtc.AOR
	if err := s.Devices(t.Context(), func(d kept.Device) { left = append(left, d.User) }); err != nil || len(left) != 1 || left[0] != carol {
		t.Errorf("devices of %q, %v", left, err)
	}
}
