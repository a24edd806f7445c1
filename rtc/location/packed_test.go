package location

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

type nobody struct{}

func (nobody) Message(transport.Sink, transport.Flow, *sip.Message, *sip.Error) {}
func (nobody) FlowClosed(transport.Flow)                                        {}

// udp is a flow of a socket on 127.0.0.1 to each of the peers.
func udp(t *testing.T, peers ...string) (flows []transport.Flow) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	tr, err := transport.New(transport.Config{Handler: nobody{}, Log: quiet(), Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 1}, {Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = tr.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	for i, p := range peers {
		f, ok := tr.ParseFlow(fmt.Sprintf("udp %s %s", tr.Listeners()[i%2].Addr(), p))
		if !ok {
			t.Fatal(p)
		}
		flows = append(flows, f)
	}
	return flows
}

// What is packed comes back as it was, with many agents too.
func TestPackedBindings(t *testing.T) {
	flows := udp(t, "127.0.0.2:5060", "127.0.0.3:40000", "127.0.0.2:5061")
	var c common
	remote := func(s string) transport.Flow { return transport.Flow{Remote: netip.MustParseAddrPort(s)} }
	now := time.Now().Add(12*time.Minute + 345)
	lists := [][]Binding{
		{{Contact: "<sip:a@192.0.2.1>", URI: "sip:a@192.0.2.1", CallID: "c", CSeq: 1<<32 - 1, Q: 1000, Expires: now, UserAgent: "Phone/1.0", Flow: flows[0]}},
		{{Contact: `"A" <sip:a@[2001:db8::1]>;+sip.instance="<urn:x>";reg-id=2`, URI: "sip:a@[2001:db8::1]", Instance: "<urn:x>", RegID: 2, Path: "<sip:p;lr>, <sip:q;lr>",
			Expires: time.UnixMilli(now.UnixMilli()), Restored: true, TempGRUU: true, until: now.UnixMilli() + 3_600_000, Device: "desk", Flow: remote("[fe80::1%eth0]:5060")},
			{Contact: "x", URI: "elsewhere", Instance: "of no contact", Expires: now.Add(-time.Hour), until: 7, Flow: flows[1]},
			{Expires: now, Flow: remote("[::ffff:192.0.2.1]:1")}, {Expires: now, Flow: flows[2]}},
	}
	for i := range 2 * maxTexts {
		lists = append(lists, []Binding{{Contact: strings.Repeat("long", 100), UserAgent: fmt.Sprint("agent ", i), Device: fmt.Sprint("device ", i), Expires: now}})
	}
	var all []string
	for _, list := range lists {
		all = append(all, c.pack(list))
	}
	for i, p := range all {
		got := c.unpack(p)
		for k := range got { // the wall clock may have been slowed down a little meanwhile
			if want := lists[i][k].Expires; got[k].Expires.Sub(want) == 0 && got[k].Expires.Round(0).Sub(want.Round(0)).Abs() < time.Second {
				got[k].Expires = want
			}
		}
		if !slices.Equal(got, lists[i]) {
			t.Errorf("%+v became %+v", lists[i], got)
		}
	}
	if len(c.flows) != 3 || len(c.texts) != maxTexts {
		t.Errorf("%d flows and %d texts in common", len(c.flows), len(c.texts))
	}
	elsewhere := []Binding{{Expires: time.Now().UTC().Round(0)}} // would come back in the local zone
	if p := c.pack(elsewhere); p != "" {
		t.Errorf("%+v would become %+v", elsewhere, c.unpack(p))
	}
}

// A clock that is set moves no expiry: those of before and after come back with both
// readings.
func TestPackedWhenTheClockIsSet(t *testing.T) {
	var c common
	after := time.Now().Add(time.Hour)
	before := after
	(*struct { // a time.Time, which nothing else gives such a monotonic reading
		wall uint64
		ext  int64
	})(unsafe.Pointer(&before)).ext += int64(24 * time.Hour)
	if before.Sub(after) != 24*time.Hour || !before.Round(0).Equal(after.Round(0)) {
		t.Fatalf("%v and %v", before, after)
	}
	times := []time.Time{before, after, before.Add(time.Minute), after.Add(time.Minute)}
	var all []string
	for _, expires := range times {
		all = append(all, c.pack([]Binding{{Expires: expires}}))
	}
	for i, p := range all {
		got, want := c.unpack(p)[0].Expires, times[i]
		if got.Sub(want) != 0 || got.Round(0).Sub(want.Round(0)).Abs() > time.Second || got == got.Round(0) {
			t.Errorf("%v became %v", want, got)
		}
	}
	for range 2 * maxBases {
		c.pack([]Binding{{Expires: before}})
		c.pack([]Binding{{Expires: after}})
	}
	if len(c.bases) != maxBases || c.pack([]Binding{{Expires: before}}) != "" && c.pack([]Binding{{Expires: after}}) != "" {
		t.Errorf("%d bases", len(c.bases))
	}
}

// resting is how many records have nothing but what is packed.
func resting(l *Location) (n int) {
	for i := range l.shard {
		s := &l.shard[i]
		s.mu.Lock()
		for _, r := range s.records {
			if r.list == nil && r.packed != "" {
				n++
			}
		}
		s.mu.Unlock()
	}
	return n
}

// Bindings that nobody asks for are packed, are found all the same, and refresh, end and
// come back as ever.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		l := New(d, quiet())
		ctx, cancel := context.WithCancel(t.Context())
		var told []string
		l.Watch(func(aor rtc.AOR, old, new []Binding, _ Cause) {
			if aor == alice {
				told = append(told, phones(old)+">"+phones(new))
			}
		})
		go l.Run(ctx)
		defer cancel()
		const others = 100 // more than are looked at under one lock of a shard, in some
		for i := range others {
			bind(l, rtc.AOR(fmt.Sprintf("sip:u%d@example.com", i)), "a", 2*time.Hour)
		}
		bind(l, alice, "a", time.Hour)
		bind(l, alice, "b", 2*time.Hour)
		wait := func(n time.Duration) { time.Sleep(n); synctest.Wait() }
		wait(time.Minute)
		if n := resting(l); n != 0 {
			t.Errorf("%d at rest that are not on disk", n)
		}
		d.commit(nil)
		wait(restRound * time.Second)
		l.Bindings(alice) // is in use, others are not
		wait(restRound * time.Second)
		if n := resting(l); n != others {
			t.Errorf("%d at rest, want all but one", n)
		}
		wait(restRound * time.Second)
		if n := resting(l); n != others+1 || l.Count() != others+2 {
			t.Errorf("%d at rest, %d counted", n, l.Count())
		}
		n := 0
		for _, list := range l.All() {
			n += len(list)
		}
		if n != others+2 || resting(l) != others+1 {
			t.Errorf("%d of all, %d at rest after that", n, resting(l))
		}
		visible(t, l, "ba")
		if resting(l) != others {
			t.Error("what was asked for is not at hand")
		}
		wait(2 * restRound * time.Second)
		before := d.written()
		if o := bind(l, alice, "b", 2*time.Hour); o.String() != "ok ba" || d.written() != before {
			t.Errorf("a refresh from rest: %s, written %d times", o, d.written()-before)
		}
		wait(2 * restRound * time.Second)
		if n := resting(l); n != others+1 {
			t.Errorf("%d at rest again", n)
		}
		d.mu.Lock()
		d.auto = true
		d.mu.Unlock()
		wait(time.Hour)
		visible(t, l, "b")
		wait(2 * time.Hour)
		if l.Count() != 0 || len(d.rows) != 0 || resting(l) != 0 {
			t.Errorf("left: %d, on disk %v", l.Count(), d.rows)
		}
		if got, want := fmt.Sprint(told), "[>a a>ba ba>ba ba>b b>]"; got != want {
			t.Errorf("watchers saw %s, want %s", got, want)
		}
	})
}

// A binding that has ended by what its phone was told, but not by its copy on disk, is
// removed there, too: the next restart would not know.
func TestPromiseThatEndedIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		d.auto = true
		l := New(d, quiet())
		bind(l, alice, "a", time.Hour)
		bind(l, "sip:bob@example.com", "b", 3*time.Hour)
		synctest.Wait()
		if err := l.KeepPromises(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(90 * time.Minute) // on disk it lives two hours
		again := New(d, quiet())
		if _, err := again.Restore(nil); err != nil {
			t.Fatal(err)
		}
		visible(t, again, "")
		go again.Run(t.Context())
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if len(d.rows) != 1 || again.Count() != 1 || again.Bindings("sip:bob@example.com")[0].Restored {
			t.Errorf("on disk %v, %d bindings", d.rows, again.Count())
		}
		third := New(d, quiet())
		if n, err := third.Restore(nil); n != 1 || err != nil || !third.Bindings("sip:bob@example.com")[0].Restored {
			t.Errorf("%d, %v: a promise was told twice", n, err)
		}
	})
}

// What a restart finds on disk is at rest from the beginning.
func TestRestoredIsAtRest(t *testing.T) {
	d := newDisk()
	d.auto = true
	l := New(d, quiet())
	now := time.Now().Truncate(time.Millisecond)
	l.Update(alice, func([]Binding) ([]Binding, error) {
		n := draft("a", time.Hour)
		n.Expires = now.Add(time.Hour)
		return []Binding{n.Binding()}, nil
	}, func([]Binding, error) {})
	bind(l, "sip:bob@example.com", "b", time.Hour)
	for d.commit(nil) > 0 || len(d.rows) < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := l.KeepPromises(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := New(d, quiet())
	if n, err := again.Restore(nil); n != 2 || err != nil || resting(again) != 2 {
		t.Fatalf("%d, %v; %d at rest", n, err, resting(again))
	}
	visible(t, again, "a")
	if got := again.Bindings(alice)[0]; got.Restored || !got.Expires.Equal(now.Add(time.Hour)) || got.UserAgent != "Phone/1.0" {
		t.Errorf("%+v", got)
	}
}
