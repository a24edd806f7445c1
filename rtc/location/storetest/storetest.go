// Package storetest checks implementations of location.Store: what one of them
// promises all do.
package storetest

import (
	"fmt"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
)

// Run checks a Store. open gives an empty one and a function that closes it and
// opens it again with what it kept.
func Run(t *testing.T, open func(t *testing.T) (s location.Store, again func() location.Store)) {
	for name, check := range map[string]func(*testing.T, location.Store, func() location.Store){
		"all fields survive":            fields,
		"none forgets":                  forgets,
		"the last of many puts holds":   last,
		"puts from many goroutines":     many,
		"the list may be changed then":  copies,
		"bindings that ended are gone":  ended,
		"a restored location is usable": restores,
		"promises are taken once":       promises,
	} {
		t.Run(name, func(t *testing.T) {
			s, again := open(t)
			check(t, s, again)
		})
	}
}

// Binding makes the nth binding of a test, good for an hour.
func Binding(n int) location.Binding {
	d := location.Draft{
		Contact:   fmt.Appendf(nil, `"N" <sip:user%d@192.0.2.1:5060;line=x>;+sip.instance="<urn:uuid:%032d>";q=0.5`, n, n),
		URI:       fmt.Appendf(nil, "sip:user%d@192.0.2.1:5060;line=x", n),
		Instance:  fmt.Appendf(nil, "<urn:uuid:%032d>", n),
		CallID:    fmt.Appendf(nil, "call-%d@192.0.2.1", n),
		UserAgent: []byte("Phone/1.0"),
		CSeq:      uint32(n), Q: 500, TempGRUU: n%2 == 0,
		Expires: time.UnixMilli(time.Now().UnixMilli()).Add(time.Hour),
	}
	return d.Binding()
}

// AOR is the nth address-of-record of a test.
func AOR(n int) rtc.AOR { return rtc.AOR(fmt.Sprintf("sip:user%d@example.com", n)) }

// Keeper puts as a location does: it knows what the store calls each AOR.
type Keeper struct {
	Store   location.Store
	mu      sync.Mutex
	numbers map[rtc.AOR]int64
}

// Put stores bindings.
func (k *Keeper) Put(aor rtc.AOR, list []location.Binding, done func(error)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	number, err := k.Store.PutBindings(aor, k.numbers[aor], list, done)
	if err != nil {
		return err
	}
	if k.numbers == nil {
		k.numbers = make(map[rtc.AOR]int64)
	}
	k.numbers[aor] = number
	return nil
}

// Put stores the first bindings of an AOR and waits for the acknowledgement.
func Put(s location.Store, aor rtc.AOR, list ...location.Binding) error {
	return (&Keeper{Store: s}).wait(aor, list...)
}

func (k *Keeper) wait(aor rtc.AOR, list ...location.Binding) error {
	result := make(chan error, 1)
	if err := k.Put(aor, list, func(err error) { result <- err }); err != nil {
		return err
	}
	return <-result
}

// All loads every binding kept.
func All(t testing.TB, s location.Store) map[rtc.AOR][]location.Binding {
	t.Helper()
	m := make(map[rtc.AOR][]location.Binding)
	if err := s.LoadBindings(nil, func(aor rtc.AOR, _ int64, list []location.Binding) { m[aor] = list }); err != nil {
		t.Fatal(err)
	}
	return m
}

func mustPut(t *testing.T, s location.Store, aor rtc.AOR, list ...location.Binding) {
	t.Helper()
	if err := Put(s, aor, list...); err != nil {
		t.Fatal(err)
	}
}

func fields(t *testing.T, s location.Store, again func() location.Store) {
	two := []location.Binding{Binding(1), Binding(2)}
	two[1].Path = "<sip:p1.example.com;lr>, <sip:p2.example.com;lr>"
	two[1].RegID, two[1].Device = 3, "desk"
	two[1].Flow.Remote = netip.MustParseAddrPort("[2001:db8::1]:5061")
	mustPut(t, s, AOR(1), two...)
	want := map[rtc.AOR][]location.Binding{AOR(1): two}
	if got := All(t, again()); !reflect.DeepEqual(got, want) {
		t.Errorf("after reopening\n got %+v\nwant %+v", got, want)
	}
}

func forgets(t *testing.T, s location.Store, again func() location.Store) {
	k := &Keeper{Store: s}
	for _, put := range []struct {
		aor  int
		list []location.Binding
	}{{1, []location.Binding{Binding(1)}}, {2, []location.Binding{Binding(2)}}, {1, nil}, {3, nil}} { // the third was not there
		if err := k.wait(AOR(put.aor), put.list...); err != nil {
			t.Fatal(err)
		}
	}
	if got := All(t, again()); len(got) != 1 || got[AOR(2)] == nil {
		t.Errorf("kept %+v", got)
	}
}

func last(t *testing.T, s location.Store, again func() location.Store) {
	const puts = 200
	k := &Keeper{Store: s}
	var acked sync.WaitGroup
	for n := range puts {
		acked.Add(1)
		err := k.Put(AOR(n%2), []location.Binding{Binding(n)}, func(err error) {
			if err != nil {
				t.Error(err)
			}
			acked.Done()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	acked.Wait()
	got := All(t, again())
	for i := range 2 {
		if list := got[AOR(i)]; len(list) != 1 || list[0].CSeq != uint32(puts-2+i) {
			t.Errorf("kept %+v", list)
		}
	}
}

func many(t *testing.T, s location.Store, again func() location.Store) {
	var ended sync.WaitGroup
	for i := range 8 {
		ended.Go(func() {
			for n := range 100 {
				if err := Put(s, AOR(100*i+n), Binding(100*i+n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	ended.Wait()
	got := All(t, again())
	for n := range 800 {
		if list := got[AOR(n)]; len(list) != 1 || list[0].CSeq != uint32(n) {
			t.Fatalf("binding %d became %+v", n, list)
		}
	}
}

func copies(t *testing.T, s location.Store, again func() location.Store) {
	list := []location.Binding{Binding(1)}
	acked := make(chan error, 1)
	if _, err := s.PutBindings(AOR(1), 0, list, func(err error) { acked <- err }); err != nil {
		t.Fatal(err)
	}
	list[0] = Binding(2)
	if err := <-acked; err != nil {
		t.Fatal(err)
	}
	if got := All(t, again())[AOR(1)]; len(got) != 1 || got[0].CSeq != 1 {
		t.Errorf("kept %+v", got)
	}
}

func ended(t *testing.T, s location.Store, again func() location.Store) {
	b := Binding(1)
	b.Expires = time.Now().Add(-time.Second)
	mustPut(t, s, AOR(1), b)
	l := location.New(again(), nil)
	if n, err := l.Restore(nil); n != 0 || err != nil || len(l.Bindings(AOR(1))) != 0 {
		t.Errorf("%d restored, %v", n, err)
	}
}

func restores(t *testing.T, s location.Store, again func() location.Store) {
	mustPut(t, s, AOR(1), Binding(1), Binding(2))
	l := location.New(again(), nil)
	if n, err := l.Restore(nil); n != 2 || err != nil || len(l.Bindings(AOR(1))) != 2 {
		t.Errorf("%d restored, %v", n, err)
	}
	if n, err := l.Remove(t.Context(), AOR(1), location.Deactivated, nil); n != 2 || err != nil {
		t.Errorf("%d removed, %v", n, err)
	}
}

// What a location keeps at the end the next one knows, exactly and once: after a
// crash it knows the upper limit alone.
func promises(t *testing.T, s location.Store, again func() location.Store) {
	const users = 50
	l := location.New(s, nil)
	granted := time.UnixMilli(time.Now().Add(time.Hour).UnixMilli())
	var acked sync.WaitGroup
	for n := range users {
		acked.Add(1)
		b := Binding(n)
		b.Expires = granted
		l.Update(AOR(n), func([]location.Binding) ([]location.Binding, error) { return []location.Binding{b}, nil },
			func(_ []location.Binding, err error) {
				if err != nil {
					t.Error(err)
				}
				acked.Done()
			})
	}
	acked.Wait()
	if err := l.KeepPromises(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, exact := range []bool{true, false} {
		l = location.New(again(), nil)
		if n, err := l.Restore(nil); n != users || err != nil {
			t.Fatalf("%d restored, %v", n, err)
		}
		for n := range users {
			list := l.Bindings(AOR(n))
			if len(list) != 1 || list[0].Expires.Equal(granted) != exact || list[0].Restored == exact || list[0].Expires.Before(granted) {
				t.Fatalf("exact %v: %+v", exact, list)
			}
		}
	}
}
