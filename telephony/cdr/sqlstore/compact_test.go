package sqlstore

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	"tandem/telephony/cdr"
)

// written is a record with a value in every field that has no column.
func written() cdr.Record {
	at := time.Date(2026, 5, 4, 12, 0, 0, 123456789, time.UTC)
	return cdr.Record{Display: "Älice", To: "030 1234567", Number: "+49301234567", Payer: "sip:alice@example.com", Kind: "national",
		Tried: []cdr.Try{{Trunk: "bonn", URI: "sip:+49301234567@192.0.2.1", CallID: "x", Code: 503, Text: "no channel", Began: at, Ended: at.Add(time.Second)}, {URI: "sip:a@b"}},
		Story: []cdr.Step{{At: at, What: cdr.Transferred, Who: "sip:bob@example.com"}}, Ringing: fromMillis(at.UnixMilli()), Answered: fromMillis(at.UnixMilli() + 5),
		Held: 12 * time.Second, EndedBy: "callee", Code: 200, Cause: 16, Text: "ok", CallIDs: [2]string{"a", "y"},
		Sides: [2]cdr.Sound{{Codec: "opus", Packets: 3000, Lost: 2, Jitter: 1.5, MOS: 4.3}, {Codec: "PCMU", Packets: 2900}}}
}

// What is written is read without encoding/json and without allocation, whatever
// the record held before.
func TestCompact(t *testing.T) {
	want := written()
	text, err := json.Marshal(rowOf(&want))
	if err != nil {
		t.Fatal(err)
	}
	got := cdr.Record{Text: "of before", Tried: make([]cdr.Try, 7, 8), Story: make([]cdr.Step, 3)}
	if !readCompact(string(text), &got) || !reflect.DeepEqual(got, want) {
		t.Errorf("%s is read as\n%+v, want\n%+v", text, got, want)
	}
	s := string(text)
	if n := testing.AllocsPerRun(100, func() { readCompact(s, &got) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	want.Text, want.Tried, want.Story = `a "quoted" <text>`, nil, nil
	if text, err = json.Marshal(rowOf(&want)); err != nil {
		t.Fatal(err)
	}
	if readCompact(string(text), &got) {
		t.Errorf("%s has escapes and is read", text)
	}
	if err := (&scanned{data: string(text)}).into(&got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %s is read as\n%+v, want\n%+v", err, text, got, want)
	}
}

// FuzzCompact: what both read, both read alike.
func FuzzCompact(f *testing.F) {
	full := written()
	text, _ := json.Marshal(rowOf(&full))
	f.Add(string(text))
	f.Add(`{"to":"","call_ids":["",""],"sides":[{},{}]}`)
	f.Add(`{"tried":[],"tried":[{"code":1}],"call_ids":["a"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var v row
		if !utf8.ValidString(text) || json.Unmarshal([]byte(text), &v) != nil {
			return
		}
		var want, got cdr.Record
		v.into(&want)
		if !readCompact(text, &got) {
			return
		}
		if a, b := rowOf(&got), rowOf(&want); !sameJSON(a, b) {
			t.Errorf("%q is %+v, want %+v", text, a, b)
		}
	})
}

// sameJSON compares rows as they are written. A year that JSON has no form for is the
// same when neither can be.
func sameJSON(a, b row) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return string(x) == string(y) && (errX == nil) == (errY == nil)
}

func BenchmarkCompact(b *testing.B) {
	want := written()
	text, err := json.Marshal(rowOf(&want))
	if err != nil {
		b.Fatal(err)
	}
	s, r := string(text), cdr.Record{}
	b.ReportAllocs()
	for b.Loop() {
		if !readCompact(s, &r) {
			b.Fatal(s)
		}
	}
}
