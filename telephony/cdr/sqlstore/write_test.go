package sqlstore

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"tandem/telephony/cdr"
)

var records = []cdr.Record{
	{},
	{To: "030 1234567", Display: "Älice \"the\" <boss> & co\u2028\x01\xff", Payer: "sip:alice@example.com", Kind: "national", Text: "tab\there"},
	{
		Number: "+49301234567", Held: 5 * time.Second, EndedBy: "callee", Code: 200, Cause: 16, Text: "ok", CallIDs: [2]string{"a", "y"},
		Tried:   []cdr.Try{{Trunk: "bonn", URI: "sip:x@192.0.2.1", CallID: "x", Code: 503, Cause: 34, Text: "no channel", Began: begin, Ended: begin.Add(1234567)}, {}},
		Story:   []cdr.Step{{At: begin.In(time.FixedZone("", 7200)), What: cdr.CallerReached, Who: "sip:alice@example.com"}, {}},
		Sides:   [2]cdr.Sound{{Codec: "opus/48000", Packets: 3000, Lost: 2, Jitter: 1.5, MOS: 4.3}, {Jitter: 0.000123}},
		Ringing: begin, Answered: begin.Add(time.Second),
	},
}

// What is records by hand is what encoding/json writes.
func TestWrite(t *testing.T) {
	for i := range records {
		want, err := json.Marshal(rowOf(&records[i]))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := write(nil, &records[i]); !ok || string(got) != string(want) {
			t.Errorf("%v\n got %s\nwant %s", ok, got, want)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), 1e-7, 1e21} {
		if got, ok := write(nil, &cdr.Record{Sides: [2]cdr.Sound{{MOS: v}}}); ok {
			t.Errorf("%g is records as %s", v, got)
		}
	}
}

func FuzzWrite(f *testing.F) {
	f.Add("Älice", "\"<\\>&", 4.3)
	f.Fuzz(func(t *testing.T, name, text string, mos float64) {
		r := cdr.Record{Display: name, To: text, Tried: []cdr.Try{{URI: name, Text: text}}, Story: []cdr.Step{{Who: text}}, Sides: [2]cdr.Sound{{Codec: name, MOS: mos}}}
		got, ok := write(nil, &r)
		want, err := json.Marshal(rowOf(&r))
		if ok && (err != nil || string(got) != string(want)) {
			t.Errorf("got %s\nwant %s, %v", got, want, err)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	r := &records[2]
	b.Run("json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(rowOf(r)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if text, ok := write(nil, r); !ok || !strings.HasPrefix(string(text[:1]), "{") {
				b.Fatal(string(text))
			}
		}
	})
}
