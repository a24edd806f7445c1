package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"tandem/telephony/cdr"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.Local)

func record() *cdr.Record {
	return &cdr.Record{ID: "a", State: cdr.Completed, From: "sip:alice@example.com", Display: `=HYPERLINK("x")`, To: "030 1234567", Number: "+49301234567",
		Kind: "national", Payer: "sip:alice@example.com", Trunk: "berlin", Tried: []cdr.Try{{Trunk: "bonn", Code: 503, Cause: 34}, {Trunk: "berlin", Code: 200, Cause: 16}},
		Started: noon, Ringing: noon.Add(1500 * time.Millisecond), Answered: noon.Add(3 * time.Second), Ended: noon.Add(63 * time.Second),
		Story: []cdr.Step{{At: noon, What: cdr.Forwarded, Who: "sip:bob@example.com busy"}}, Held: 2500 * time.Millisecond,
		EndedBy: "callee", Code: 200, Cause: 16, Text: "a, \"b\"\nc\x01\\ä\xff", CallIDs: [2]string{"x", "y"}, Sides: [2]cdr.Sound{{Codec: "opus", Lost: 2, Jitter: 1.5, MOS: 4.3}, {Codec: "PCMU", MOS: 4.1}}}
}

// Line is what a line of JSON is for those who read it.
type Line struct {
	ID       string       `json:"id"`
	State    cdr.State    `json:"state"`
	From     string       `json:"from"`
	Display  string       `json:"display_name,omitempty"`
	To       string       `json:"to"`
	Number   string       `json:"number,omitempty"`
	Kind     string       `json:"kind,omitempty"`
	Called   string       `json:"called,omitempty"`
	Payer    string       `json:"payer,omitempty"`
	Trunk    string       `json:"trunk,omitempty"`
	Tried    []cdr.Try    `json:"tried,omitempty"`
	Started  time.Time    `json:"started"`
	Ringing  time.Time    `json:"ringing,omitzero"`
	Answered time.Time    `json:"answered,omitzero"`
	Ended    time.Time    `json:"ended,omitzero"`
	PDD      float64      `json:"post_dial_delay_s,omitempty"`
	Rang     float64      `json:"rang_s,omitempty"`
	Talked   float64      `json:"talked_s,omitempty"`
	Held     float64      `json:"held_s,omitempty"`
	EndedBy  string       `json:"ended_by,omitempty"`
	Code     int          `json:"code,omitempty"`
	Cause    int          `json:"cause,omitempty"`
	Text     string       `json:"text,omitempty"`
	CallIDs  [2]string    `json:"call_ids"`
	Sides    [2]cdr.Sound `json:"sides"`
	Story    []cdr.Step   `json:"story,omitempty"`
}

func TestJSON(t *testing.T) {
	var b strings.Builder
	w := New(JSON, &b)
	for range 2 {
		if err := w.Write(record()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	list := strings.Split(strings.TrimSpace(b.String()), "\n")
	var l Line
	if len(list) != 2 || json.Unmarshal([]byte(list[1]), &l) != nil || l.PDD != 1.5 || l.Rang != 1.5 || l.Talked != 60 || l.Held != 2.5 || l.Kind != "national" || l.Sides[0].MOS != 4.3 || len(l.Tried) != 2 {
		t.Errorf("%s\n%+v", b.String(), l)
	}
	var again strings.Builder
	e := json.NewEncoder(&again)
	e.SetEscapeHTML(false)
	if err := e.Encode(l); err != nil || strings.ReplaceAll(list[1], `\u000a`, `\n`)+"\n" != again.String() {
		t.Errorf("written\n%s, as encoding/json writes it\n%s%v", list[1], again.String(), err)
	}
}

func TestCSV(t *testing.T) {
	var b strings.Builder
	w := New(CSV, &b)
	if err := w.Write(record()); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v\n%s", err, b.String())
	}
	got := map[string]string{}
	for i, name := range rows[0] {
		got[name] = rows[1][i]
	}
	for name, want := range map[string]string{"id": "a", "number": "+49301234567", "tried": "bonn:503/34 berlin:200/16", "post_dial_delay_s": "1.500", "rang_s": "1.500", "talked_s": "60.000", "held_s": "2.500",
		"text": "a, \"b\"\nc\x01\\ä\xff", "display_name": `'=HYPERLINK("x")`, "callee_codec": "PCMU", "caller_mos": "4.3", "callee_call_id": "y"} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	b.Reset()
	if err := New(CSV, &b).Flush(); err != nil || strings.Count(b.String(), "\n") != 1 {
		t.Errorf("no record: %v, %q", err, b.String())
	}
}

func TestReport(t *testing.T) {
	bob := record()
	bob.Payer, bob.Trunk, bob.Answered, bob.Ringing, bob.Sides, bob.Started = "sip:bob@example.com", "bonn", time.Time{}, time.Time{}, [2]cdr.Sound{}, noon.Add(time.Hour)
	for by, want := range map[By]string{ByUser: "sip:alice@example.com sip:bob@example.com", ByTrunk: "berlin bonn", ByKind: "national",
		ByHour: "2026-05-04 12:00 2026-05-04 13:00", ByDay: "2026-05-04"} {
		p := NewReport(by)
		p.Add(record())
		p.Add(record())
		p.Add(bob)
		var keys []string
		calls := 0
		for _, s := range p.Sums() {
			keys = append(keys, s.Key)
			calls += s.Calls
		}
		if strings.Join(keys, " ") != want || calls != 3 {
			t.Errorf("by %s: %q, %d calls", by, keys, calls)
		}
	}
	p := NewReport(ByUser)
	p.Add(record())
	p.Add(record())
	if s := p.Sums()[0]; s.Calls != 2 || s.Answered != 2 || s.Talked != 2*time.Minute || s.Delay != 1500*time.Millisecond || s.MOS < 4.19 || s.MOS > 4.21 {
		t.Errorf("%+v", s)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, f := range []Format{JSON, CSV} {
		b.Run(string(f), func(b *testing.B) {
			w, r := New(f, io.Discard), record()
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Write(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
