// Package export writes call records for others: as lines of JSON or as CSV, and
// added up to reports.
//
// It reads nothing itself; records come from a cdr.Store.
package export

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"tandem/telephony/cdr"
)

// Writer writes records one after the other.
type Writer interface {
	Write(r *cdr.Record) error
	// Flush ends it.
	Flush() error
}

// Format is how records are written.
type Format string

// The formats.
const (
	JSON Format = "jsonl" // a JSON object a line
	CSV  Format = "csv"   // with a header line (RFC 4180)
)

// Type is the content type of a format.
func (f Format) Type() string {
	if f == CSV {
		return "text/csv; charset=utf-8"
	}
	return "application/jsonl"
}

// New makes a Writer; any format but CSV is JSON.
func New(f Format, w io.Writer) Writer {
	if f == CSV {
		c := csv.NewWriter(w)
		return &table{out: c, head: true}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return lines{e}
}

// Line is a record as a line of JSON. Times are RFC 3339, durations seconds.
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
	Talked   float64      `json:"talked_s,omitempty"`
	EndedBy  string       `json:"ended_by,omitempty"`
	Code     int          `json:"code,omitempty"`
	Cause    int          `json:"cause,omitempty"`
	Text     string       `json:"text,omitempty"`
	CallIDs  [2]string    `json:"call_ids"`
	Sides    [2]cdr.Sound `json:"sides"`
	Story    []cdr.Step   `json:"story,omitempty"`
}

type lines struct{ *json.Encoder }

// Write implements Writer.
func (l lines) Write(r *cdr.Record) error {
	return l.Encode(Line{ID: r.ID, State: r.State, From: string(r.From), Display: r.Display, To: r.To, Number: r.Number, Kind: r.Kind,
		Called: string(r.Called), Payer: string(r.Payer), Trunk: r.Trunk, Tried: r.Tried, Started: r.Started, Ringing: r.Ringing,
		Answered: r.Answered, Ended: r.Ended, PDD: r.Delay().Seconds(), Talked: r.Talked().Seconds(), EndedBy: r.EndedBy,
		Code: r.Code, Cause: r.Cause, Text: r.Text, CallIDs: r.CallIDs, Sides: r.Sides, Story: r.Story})
}

// Flush implements Writer.
func (lines) Flush() error { return nil }

// head is the first line of CSV.
var head = []string{"id", "state", "started", "ringing", "answered", "ended", "from", "display_name", "to", "number", "kind", "called", "payer",
	"trunk", "tried", "post_dial_delay_s", "talked_s", "ended_by", "code", "cause", "text", "caller_codec", "caller_lost", "caller_jitter_ms",
	"caller_mos", "callee_codec", "callee_lost", "callee_jitter_ms", "callee_mos", "caller_call_id", "callee_call_id"}

type table struct {
	out  *csv.Writer
	head bool
	row  []string
}

// Write implements Writer.
func (t *table) Write(r *cdr.Record) error {
	if t.head {
		t.head = false
		if err := t.out.Write(head); err != nil {
			return err
		}
	}
	t.row = append(t.row[:0], r.ID, string(r.State), moment(r.Started), moment(r.Ringing), moment(r.Answered), moment(r.Ended),
		cell(string(r.From)), cell(r.Display), cell(r.To), r.Number, r.Kind, cell(string(r.Called)), cell(string(r.Payer)), r.Trunk, tried(r.Tried),
		seconds(r.Delay()), seconds(r.Talked()), r.EndedBy, strconv.Itoa(r.Code), strconv.Itoa(r.Cause), cell(r.Text))
	for _, s := range r.Sides {
		t.row = append(t.row, s.Codec, strconv.FormatUint(s.Lost, 10), number(s.Jitter), number(s.MOS))
	}
	t.row = append(t.row, cell(r.CallIDs[0]), cell(r.CallIDs[1]))
	return t.out.Write(t.row)
}

// Flush implements Writer.
func (t *table) Flush() error {
	if t.head { // there was no record
		t.head = false
		if err := t.out.Write(head); err != nil {
			return err
		}
	}
	t.out.Flush()
	return t.out.Error()
}

// cell is text that others chose. A spreadsheet must not take it for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) && !plainNumber(s) {
		return "'" + s
	}
	return s
}

func plainNumber(s string) bool { return strings.Trim(s, "+0123456789") == "" }

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

func number(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// tried is "bonn:503 berlin:200".
func tried(list []cdr.Try) string {
	var b strings.Builder
	for i, t := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s:%d", t.Trunk, t.Code)
	}
	return b.String()
}
