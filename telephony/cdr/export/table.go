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
	"trunk,tried,post_dial_delay_s,talked_s,held_s,ended_by,code,cause,text,caller_codec,caller_lost,caller_jitter_ms," +
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
	for _, d := range [...]time.Duration{r.Delay(), r.Talked(), r.Held} {
		t.number(d.Seconds(), 3)
	}
	t.text(r.EndedBy)
	t.number(float64(r.Code), 0)
	t.number(float64(r.Cause), 0)
	t.text(r.Text)
	for _, s := range r.Sides {
		t.text(s.Codec)
		t.number(float64(s.Lost), 0)
		t.number(s.Jitter, 1)
		t.number(s.MOS, 1)
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
	formula := s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 && !plainNumber(s)
	quote := strings.ContainsAny(s, ",\"\r\n") || s != "" && s[0] == ' '
	if quote {
		t.buf = append(t.buf, '"')
	}
	if formula {
		t.buf = append(t.buf, '\'')
	}
	for i := range len(s) {
		if s[i] == '"' {
			t.buf = append(t.buf, '"')
		}
		t.buf = append(t.buf, s[i])
	}
	if quote {
		t.buf = append(t.buf, '"')
	}
	t.buf = append(t.buf, ',')
}

// plainNumber reports whether s is a telephone number and nothing else.
func plainNumber(s string) bool { return strings.Trim(s, "+0123456789") == "" }

func (t *table) moment(at time.Time) {
	if !at.IsZero() {
		t.buf = at.UTC().AppendFormat(t.buf, "2006-01-02T15:04:05.000Z")
	}
	t.buf = append(t.buf, ',')
}

func (t *table) number(f float64, digits int) {
	t.buf = append(strconv.AppendFloat(t.buf, f, 'f', digits, 64), ',')
}

// tried is "bonn:503 berlin:200".
func (t *table) tried(list []cdr.Try) {
	for i := range list {
		if i > 0 {
			t.buf = append(t.buf, ' ')
		}
		t.buf = append(append(t.buf, list[i].Trunk...), ':') // of the characters a-z 0-9 - _ and .
		t.buf = strconv.AppendInt(t.buf, int64(list[i].Code), 10)
	}
	t.buf = append(t.buf, ',')
}
