package export

import (
	"io"
	"strconv"
	"strings"
	"time"

	"tandem/telephony/cdr"
)

// head is the first line of CSV.
const head = "id,state,started,ringing,answered,ended,from,display_name,to,number,kind,called,payer," +
	"trunk,tried,post_dial_delay_s,rang_s,talked_s,held_s,ended_by,code,cause,text,caller_codec,caller_lost,caller_jitter_ms," +
	"caller_mos,callee_codec,callee_lost,callee_jitter_ms,callee_mos,caller_call_id,callee_call_id\n"

// table writes records as CSV (RFC 4180).
type table struct {
	out   io.Writer
	begun bool
	buf   []byte // of the row at hand
}

// Write implements Writer.
func (t *table) Write(r *cdr.Record) error {
	t.buf = t.buf[:0]
	t.top()
	t.text(r.ID)
	t.text(string(r.State))
	for _, at := range [...]time.Time{r.Started, r.Ringing, r.Answered, r.Ended} {
		t.moment(at)
	}
	for _, text := range [...]string{string(r.From), r.Display, r.To, r.Number, r.Kind, string(r.Called), string(r.Payer), r.Trunk} {
		t.text(text)
	}
	t.tried(r.Tried)
	for _, d := range [...]time.Duration{r.Delay(), r.Rang(), r.Talked(), r.Held} {
		t.seconds(d)
	}
	t.text(r.EndedBy)
	t.whole(int64(r.Code))
	t.whole(int64(r.Cause))
	t.text(r.Text)
	for _, s := range r.Sides {
		t.text(s.Codec)
		t.whole(int64(s.Lost))
		t.tenths(s.Jitter)
		t.tenths(s.MOS)
	}
	t.text(r.CallIDs[0])
	t.text(r.CallIDs[1])
	t.buf[len(t.buf)-1] = '\n' // in place of the last comma
	_, err := t.out.Write(t.buf)
	return err
}

// top begins with the names of the columns.
func (t *table) top() {
	if !t.begun {
		t.begun, t.buf = true, append(t.buf, head...)
	}
}

// Flush implements Writer.
func (t *table) Flush() error {
	t.buf = t.buf[:0]
	t.top() // there may have been no record
	_, err := t.out.Write(t.buf)
	return err
}

// text is a cell. A spreadsheet must not take what others chose for a formula.
func (t *table) text(s string) {
	if plain(s) {
		t.buf = append(append(t.buf, s...), ',')
		return
	}
	t.buf = append(t.buf, '"')
	if strings.IndexByte(formula, s[0]) >= 0 && !plainNumber(s) {
		t.buf = append(t.buf, '\'')
	}
	for i := range len(s) {
		if s[i] == '"' {
			t.buf = append(t.buf, '"')
		}
		t.buf = append(t.buf, s[i])
	}
	t.buf = append(t.buf, '"', ',')
}

// formula is what the formulas of spreadsheets begin with.
const formula = "=+-@\t\r"

// plain reports whether a cell needs no quotes and is no formula.
func plain(s string) bool {
	if s == "" {
		return true
	}
	for i := range len(s) {
		if c := s[i]; c == ',' || c == '"' || c == '\r' || c == '\n' {
			return false
		}
	}
	return s[0] != ' ' && (strings.IndexByte(formula, s[0]) < 0 || plainNumber(s))
}

// plainNumber reports whether s is a telephone number and nothing else.
func plainNumber(s string) bool { return strings.Trim(s, "+0123456789") == "" }

// moment is UTC with milliseconds: "2026-05-04T12:00:00.000Z".
func (t *table) moment(at time.Time) {
	if !at.IsZero() {
		t.buf = at.UTC().AppendFormat(t.buf, time.RFC3339) // package time is quick at this one
		t.buf[len(t.buf)-1] = '.'
		t.buf = append(appendThousandths(t.buf, at.Nanosecond()/int(time.Millisecond)), 'Z')
	}
	t.buf = append(t.buf, ',')
}

func (t *table) seconds(d time.Duration) { t.buf = append(appendSeconds(t.buf, d), ',') }

// appendSeconds appends a duration with milliseconds: "1.500".
func appendSeconds(dst []byte, d time.Duration) []byte {
	if d < 0 {
		dst, d = append(dst, '-'), -d
	}
	dst = append(strconv.AppendInt(dst, int64(d/time.Second), 10), '.')
	return appendThousandths(dst, int(d%time.Second/time.Millisecond))
}

// appendThousandths appends three digits.
func appendThousandths(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
}

func (t *table) whole(n int64) { t.buf = append(strconv.AppendInt(t.buf, n, 10), ',') }

func (t *table) tenths(f float64) { t.buf = append(strconv.AppendFloat(t.buf, f, 'f', 1, 64), ',') }

// tried is "bonn:503/34 berlin:200/16": trunk, SIP status and cause of Q.850.
func (t *table) tried(list []cdr.Try) {
	for i := range list {
		if i > 0 {
			t.buf = append(t.buf, ' ')
		}
		t.buf = append(append(t.buf, list[i].Trunk...), ':') // of the characters a-z 0-9 - _ and .
		t.buf = append(strconv.AppendInt(t.buf, int64(list[i].Code), 10), '/')
		t.buf = strconv.AppendInt(t.buf, int64(list[i].Cause), 10)
	}
	t.buf = append(t.buf, ',')
}
