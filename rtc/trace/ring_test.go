package trace

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"tandem/rtc/transport"
)

func message(i, size int) []byte {
	b := fmt.Appendf(nil, "OPTIONS sip:u%d@a SIP/2.0\r\nCall-ID: c%d\r\nX: ", i, i)
	return append(b, bytes.Repeat([]byte("x"), max(0, size-len(b)))...)
}

func TestRingKeepsTheNewestWithinItsBudget(t *testing.T) {
	const budget = 64 << 10
	r := NewRing(budget)
	now := time.Unix(0, 0)
	for i := range 5000 {
		r.Add(now, i%2 == 0, "udp 127.0.0.1:5060 192.0.2.1:5060", message(i, 100+i%900))
		if i%500 != 499 {
			continue
		}
		got := r.Entries(0, Filter{})
		size := 0
		for k, e := range got {
			size += len(e.Bytes)
			if k > 0 && e.Seq != got[k-1].Seq+1 {
				t.Fatalf("after %d messages: %d follows %d", i+1, e.Seq, got[k-1].Seq)
			}
			if want := message(int(e.Seq)-1, 100+(int(e.Seq)-1)%900); !bytes.Equal(e.Bytes, want) {
				t.Fatalf("message %d is damaged: %.60q", e.Seq, e.Bytes)
			}
		}
		if size > budget || size < budget/2 {
			t.Fatalf("%d octets kept of a budget of %d", size, budget)
		}
		if last := got[len(got)-1].Seq; last != uint64(i+1) {
			t.Fatalf("newest is %d, want %d", last, i+1)
		}
	}
}

func TestRingCutsWhatIsLargerThanItself(t *testing.T) {
	r := NewRing(1)
	r.Add(time.Now(), true, "udp a b", make([]byte, 65535))
	r.Add(time.Now(), true, "udp a b", nil)
	got := r.Entries(0, Filter{})
	if len(got) != 2 || len(got[0].Bytes) != 2048 || len(got[1].Bytes) != 0 {
		t.Fatalf("%d entries", len(got))
	}
}

func TestRingUnderConcurrentUse(t *testing.T) {
	r := NewRing(64 << 10)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			b := message(1, 400)
			for range 2000 {
				r.Add(time.Now(), true, "udp 127.0.0.1:1 127.0.0.1:2", b)
			}
		})
	}
	want := message(1, 400)
	for range 20 {
		for _, e := range r.Entries(0, Filter{}) {
			if !bytes.Equal(e.Bytes, want) {
				t.Error("torn message")
			}
		}
	}
	wg.Wait()
	if r.Last() != 8000 {
		t.Errorf("last is %d", r.Last())
	}
}

func TestEntriesAfter(t *testing.T) {
	r := NewRing(0)
	for i := range 10 {
		r.Add(time.Now(), false, "tcp 127.0.0.1:5060 127.0.0.1:40000", message(i, 300))
	}
	if got := r.Entries(7, Filter{}); len(got) != 3 || got[0].Seq != 8 || got[0].Remote != "127.0.0.1:40000" {
		t.Fatalf("%+v", got)
	}
}

func TestFilter(t *testing.T) {
	b := []byte("INVITE sip:+4930123@example.com;user=phone SIP/2.0\r\nf: \"Al\" <sip:alice@example.com>;tag=1\r\n" +
		"To: <tel:+4930123>\r\ni: abc@host\r\nCSeq: 1 INVITE\r\n\r\nCall-ID: body\r\n")
	e := Entry{Local: "127.0.0.1:5060", Remote: "[2001:db8::1]:5062", Bytes: b}
	for _, c := range []struct {
		f    Filter
		want bool
	}{
		{Filter{}, true},
		{Filter{CallID: "abc@host"}, true},
		{Filter{CallID: "body"}, false},
		{Filter{User: "alice"}, true},
		{Filter{User: "alice@example.com"}, true},
		{Filter{User: "alic"}, false},
		{Filter{User: "+4930123"}, true},
		{Filter{Addr: "2001:db8::1"}, true},
		{Filter{Addr: "[2001:db8::1]:5062"}, true},
		{Filter{Addr: "127.0.0.1:5060"}, true},
		{Filter{Addr: "127.0.0.1"}, true},
		{Filter{Addr: "127.0.0.2"}, false},
		{Filter{Addr: "127.0.0.1", User: "bob"}, false},
	} {
		if got := c.f.match(&e); got != c.want {
			t.Errorf("%+v: %v, want %v", c.f, got, c.want)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add(message(1, 200))
	f.Add([]byte("SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\nc:application/sdp\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := Entry{Local: "a:1", Remote: "b:1", Bytes: b}
		Filter{User: "u", CallID: "c"}.match(&e)
		if err := Ladder(new(bytes.Buffer), []Entry{e, e}, 80); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkTap(b *testing.B) {
	r := NewRing(0)
	p := transport.Packet{Time: time.Now(), Bytes: message(1, 600), Flow: transport.Flow{Remote: netip.MustParseAddrPort("127.0.0.1:5060")}}
	b.ReportAllocs()
	for b.Loop() {
		r.Tap(p)
	}
}
