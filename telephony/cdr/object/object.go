// Package object writes call records as JSON, field by field: encoding/json takes three
// times as long, each call is written twice, and an export of a million records shares
// the machine with calls.
package object

import (
	"math"
	"strconv"
	"time"

	"tandem/telephony/cdr"
)

// Writer appends JSON. Fields whose value is zero are left out unless they are always
// there.
type Writer struct {
	B     []byte                            // what is written so far
	Quote func(dst []byte, s string) []byte // appends a JSON string
	Odd   bool                              // a number or time is not written as encoding/json would
	begun bool                              // the object or array has something in it
}

// Open begins an object, and Close ends it.
func (w *Writer) Open() { w.B, w.begun = append(w.B, '{'), false }

// Close ends an object.
func (w *Writer) Close() { w.B, w.begun = append(w.B, '}'), true }

// Key begins a field, whose value is appended to B.
func (w *Writer) Key(name string) {
	if w.begun {
		w.B = append(w.B, ',')
	}
	w.begun = true
	w.B = append(append(append(w.B, '"'), name...), '"', ':')
}

// Always is a text that is there even when it is empty.
func (w *Writer) Always(name, value string) {
	w.Key(name)
	w.B = w.Quote(w.B, value)
}

// Text is a text.
func (w *Writer) Text(name, value string) {
	if value != "" {
		w.Always(name, value)
	}
}

// Int is a whole number.
func (w *Writer) Int(name string, n int64) {
	if n != 0 {
		w.Key(name)
		w.B = strconv.AppendInt(w.B, n, 10)
	}
}

// Float is any number.
func (w *Writer) Float(name string, f float64) {
	if f != 0 {
		w.Key(name)
		w.B = strconv.AppendFloat(w.B, f, 'f', -1, 64)
		w.Odd = w.Odd || !(math.Abs(f) >= 1e-6 && math.Abs(f) < 1e21)
	}
}

// Time is a time as in RFC 3339.
func (w *Writer) Time(name string, t time.Time) {
	if !t.IsZero() {
		w.time(name, t)
	}
}

func (w *Writer) time(name string, t time.Time) {
	w.Key(name)
	w.B = append(t.AppendFormat(append(w.B, '"'), time.RFC3339Nano), '"')
	w.Odd = w.Odd || t.Year() < 0 || t.Year() > 9999
}

// CallIDs, Sides, Tried and Story write what a record has of them, as their own tags of
// encoding/json say.
func (w *Writer) CallIDs(r *cdr.Record) {
	w.list("call_ids", len(r.CallIDs), func(i int) { w.B = w.Quote(w.B, r.CallIDs[i]) })
}

// Sides is described at CallIDs.
func (w *Writer) Sides(r *cdr.Record) {
	w.list("sides", len(r.Sides), func(i int) { w.sound(&r.Sides[i]) })
}

// Tried is described at CallIDs.
func (w *Writer) Tried(r *cdr.Record) {
	if len(r.Tried) > 0 {
		w.list("tried", len(r.Tried), func(i int) { w.try(&r.Tried[i]) })
	}
}

// Story is described at CallIDs.
func (w *Writer) Story(r *cdr.Record) {
	if len(r.Story) > 0 {
		w.list("story", len(r.Story), func(i int) { w.step(&r.Story[i]) })
	}
}

func (w *Writer) list(name string, n int, each func(i int)) {
	w.Key(name)
	w.B = append(w.B, '[')
	for i := range n {
		if i > 0 {
			w.B = append(w.B, ',')
		}
		each(i)
	}
	w.B, w.begun = append(w.B, ']'), true
}

func (w *Writer) try(t *cdr.Try) {
	w.Open()
	w.Text("trunk", t.Trunk)
	w.Always("uri", t.URI)
	w.Text("call_id", t.CallID)
	w.Int("code", int64(t.Code))
	w.Int("cause", int64(t.Cause))
	w.Text("text", t.Text)
	w.Time("began", t.Began)
	w.Time("ended", t.Ended)
	w.Close()
}

func (w *Writer) sound(s *cdr.Sound) {
	w.Open()
	w.Text("codec", s.Codec)
	w.Int("packets", int64(s.Packets))
	w.Int("lost", int64(s.Lost))
	w.Float("jitter_ms", s.Jitter)
	w.Float("mos", s.MOS)
	w.Close()
}

func (w *Writer) step(s *cdr.Step) {
	w.Open()
	w.time("at", s.At)
	w.Always("what", string(s.What))
	w.Text("who", s.Who)
	w.Close()
}
