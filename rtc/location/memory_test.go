package location

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"tandem/rtc"
)

// 100,000 bindings are to leave the whole process under 150 MiB. The collector
// lets the heap grow to twice what lives, so a binding may cost 512 octets.
func TestMemoryOfABinding(t *testing.T) {
	const n = 20000
	l := New(nil, quiet())
	aors := make([]rtc.AOR, n) // the directory has these anyway
	for i := range aors {
		aors[i] = rtc.AOR(fmt.Sprintf("sip:user%06d@example.com", i))
	}
	before := heap()
	for i, aor := range aors {
		n := Draft{
			Contact:   fmt.Appendf(nil, "<sip:user%06d@192.0.2.1:5060;transport=udp>;+sip.instance=\"<urn:uuid:%032x>\"", i, i),
			URI:       fmt.Appendf(nil, "sip:user%06d@192.0.2.1:5060;transport=udp", i),
			Instance:  fmt.Appendf(nil, "<urn:uuid:%032x>", i),
			CallID:    fmt.Appendf(nil, "%032x@192.0.2.1", i),
			UserAgent: []byte("Phone/1.0.2 (a usual length)"),
			CSeq:      1, Q: 1000, Expires: time.Now().Add(time.Hour),
		}
		b := n.Binding()
		l.Update(aor, func([]Binding) ([]Binding, error) { return []Binding{b}, nil }, func([]Binding, error) {})
	}
	each := (heap() - before) / n
	t.Logf("%d octets for a binding", each)
	if each > 640 {
		t.Errorf("%d octets for a binding", each)
	}
	runtime.KeepAlive(l)
	runtime.KeepAlive(aors)
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestLookupDoesNotAllocate(t *testing.T) {
	l := New(nil, quiet())
	bind(l, alice, "a", time.Hour)
	if n := testing.AllocsPerRun(100, func() { l.Bindings(alice) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What a restart brings back says so until the phone refreshes.
func TestRestoredUntilRefreshed(t *testing.T) {
	store := NewMemory()
	bind(New(store, quiet()), alice, "a", time.Hour)
	l := New(store, quiet())
	if _, err := l.Restore(nil); err != nil {
		t.Fatal(err)
	}
	b := l.Bindings(alice)[0]
	if !b.Restored {
		t.Error("a restored binding does not say so")
	}
	if d := (Draft{CallID: []byte(b.CallID), CSeq: b.CSeq + 1, Expires: time.Now().Add(time.Minute)}); d.Refreshed(&b).Restored {
		t.Error("a refreshed one still does")
	}
}

func BenchmarkBindings(b *testing.B) {
	l := New(nil, quiet())
	bind(l, alice, "a", time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		l.Bindings(alice)
	}
}
