package sqlstore

import (
	"encoding/json"
	"sync"

	"tandem/rtc/store"
	"tandem/telephony/cdr"
	"tandem/telephony/cdr/object"
)

// textOf is what of a record is kept as JSON.
func textOf(r *cdr.Record) (string, error) {
	sheet := sheets.Get().(*[]byte)
	defer func() {
		if cap(*sheet) <= 16<<10 { // an odd one must not stay for ever
			sheets.Put(sheet)
		}
	}()
	var ok bool
	if *sheet, ok = write((*sheet)[:0], r); ok {
		return string(*sheet), nil
	}
	text, err := json.Marshal(rowOf(r))
	return string(text), err
}

// sheets are those that records are written on.
var sheets = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// write appends a row as encoding/json would write it. False is returned with what it
// refuses or writes in another way, such as a number without an end.
func write(dst []byte, r *cdr.Record) (text []byte, ok bool) {
	w := object.Writer{B: dst, Quote: quote}
	w.Open()
	w.Text("display", r.Display)
	w.Always("to", r.To)
	w.Text("number", r.Number)
	w.Text("payer", string(r.Payer))
	w.Text("kind", r.Kind)
	w.Tried(r)
	w.Story(r)
	w.Int("ringing", store.Millis(r.Ringing))
	w.Int("answered", store.Millis(r.Answered))
	w.Int("held", r.Held.Milliseconds())
	w.Text("ended_by", r.EndedBy)
	w.Int("code", int64(r.Code))
	w.Int("cause", int64(r.Cause))
	w.Text("text", r.Text)
	w.CallIDs(r)
	w.Sides(r)
	w.Close()
	return w.B, !w.Odd
}

// quote appends a string as encoding/json does.
func quote(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string has no errors
			return append(dst, quoted...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}
