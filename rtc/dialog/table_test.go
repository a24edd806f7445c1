package dialog

import (
	"errors"
	"fmt"
	"testing"

	"tandem/rtc/sip"
)

func TestReplaces(t *testing.T) {
	table := newTable(0)
	put := func(callID string, st State, called bool) *Dialog {
		d := &Dialog{id: ID{callID, "ours", "theirs"}, called: called}
		d.state.Store(int32(st))
		if err := table.Add(d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	confirmed, early := put("talk@x", Confirmed, true), put("ring@x", Early, false)
	put("called@x", Early, true)
	put("gone@x", Terminated, false)
	old := &Dialog{id: ID{"old@x", "ours", ""}}
	old.Confirm()
	if err := table.Add(old); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lines string
		want  *Dialog
		code  int
	}{
		{"", nil, 0},
		{"Replaces: talk@x;to-tag=ours;from-tag=theirs\r\n", confirmed, 0},
		{"Replaces: talk@x ; from-tag=theirs ; to-tag=ours\r\n", confirmed, 0},
		{"Replaces: talk@x;to-tag=ours;from-tag=theirs;early-only\r\n", nil, 486},
		{"Replaces: ring@x;to-tag=ours;from-tag=theirs;early-only\r\n", early, 0},
		{"Replaces: called@x;to-tag=ours;from-tag=theirs\r\n", nil, 481},
		{"Replaces: gone@x;to-tag=ours;from-tag=theirs\r\n", nil, 603},
		{"Replaces: old@x;to-tag=ours;from-tag=0\r\n", old, 0},
		{"Replaces: talk@x;to-tag=theirs;from-tag=ours\r\n", nil, 481},
		{"Replaces: nobody@x;to-tag=ours;from-tag=theirs\r\n", nil, 481},
		{"Replaces: talk@x;to-tag=ours\r\n", nil, 400},
		{"Replaces: ;to-tag=ours;from-tag=theirs\r\n", nil, 400},
		{"Replaces: talk@x;to-tag=ours;from-tag=theirs\r\nReplaces: ring@x;to-tag=ours;from-tag=theirs\r\n", nil, 400},
		{"Replaces: talk@x;to-tag=ours;from-tag=theirs\r\nJoin: ring@x;to-tag=ours;from-tag=theirs\r\n", nil, 400},
	} {
		m := new(sip.Message)
		if err := m.Parse([]byte("INVITE sip:a@b SIP/2.0\r\nCSeq: 1 INVITE\r\n" + c.lines + "Content-Length: 0\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if d, code := table.Replaces(m); d != c.want || code != c.code {
			t.Errorf("%q: got %v, %d; want %v, %d", c.lines, d, code, c.want, c.code)
		}
	}
}

func TestTable(t *testing.T) {
	table := newTable(1000)
	var list []*Dialog
	for i := range 1000 {
		d := &Dialog{id: ID{fmt.Sprint("call", i/10), fmt.Sprint(i), "r"}}
		list = append(list, d)
		if err := table.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Add(list[5]); !errors.Is(err, ErrKnown) {
		t.Errorf("twice: %v", err)
	}
	if err := table.Add(&Dialog{id: ID{"x", "y", "z"}}); !errors.Is(err, ErrFull) {
		t.Errorf("beyond the limit: %v", err)
	}
	for i, d := range list {
		if table.Match([]byte(d.id.CallID), []byte(d.id.Local), []byte("r")) != d {
			t.Fatalf("dialog %d not found", i)
		}
		table.Remove(d)
		table.Remove(d)
		if table.Match([]byte(d.id.CallID), []byte(d.id.Local), []byte("r")) != nil {
			t.Fatalf("dialog %d still found", i)
		}
	}
	if table.Len() != 0 {
		t.Errorf("%d left", table.Len())
	}
}

func BenchmarkFind(b *testing.B) {
	table := newTable(0)
	for i := range 10000 {
		_ = table.Add(&Dialog{id: ID{fmt.Sprint("call", i), "ours", "theirs"}})
	}
	m := new(sip.Message)
	if err := m.Parse([]byte("BYE sip:a@b SIP/2.0\r\nFrom: <sip:x@y>;tag=theirs\r\nTo: <sip:a@b>;tag=ours\r\nCall-ID: call77\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n")); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if table.Find(m) == nil {
			b.Fatal("not found")
		}
	}
}
