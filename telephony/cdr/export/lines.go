package export

import (
	"bytes"
	"io"
	"time"
	"unicode/utf8"

	"tandem/telephony/cdr"
	"tandem/telephony/cdr/object"
)

// lines writes records as JSON, one a line: times as in RFC 3339, durations in
// seconds.
type lines struct {
	out io.Writer
	buf []byte
}

// Write implements Writer.
func (l *lines) Write(r *cdr.Record) error {
	l.buf = append(appendRecord(l.buf[:0], r), '\n')
	_, err := l.out.Write(l.buf)
	return err
}

// Flush implements Writer.
func (*lines) Flush() error { return nil }

// appendRecord appends a record as a JSON object.
func appendRecord(dst []byte, r *cdr.Record) []byte {
	o := &object.Writer{B: dst, Quote: appendText}
	o.Open()
	o.Always("id", r.ID)
	o.Always("state", string(r.State))
	o.Always("from", string(r.From))
	o.Text("display_name", r.Display)
	o.Always("to", r.To)
	o.Text("number", r.Number)
	o.Text("kind", r.Kind)
	o.Text("called", string(r.Called))
	o.Text("payer", string(r.Payer))
	o.Text("trunk", r.Trunk)
	o.Tried(r)
	o.Time("started", r.Started)
	o.Time("ringing", r.Ringing)
	o.Time("answered", r.Answered)
	o.Time("ended", r.Ended)
	seconds(o, "post_dial_delay_s", r.Delay())
	seconds(o, "rang_s", r.Rang())
	seconds(o, "talked_s", r.Talked())
	seconds(o, "held_s", r.Held)
	o.Text("ended_by", r.EndedBy)
	o.Int("code", int64(r.Code))
	o.Int("cause", int64(r.Cause))
	o.Text("text", r.Text)
	o.CallIDs(r)
	o.Sides(r)
	o.Story(r)
	o.Close()
	return o.B
}

// seconds is a field for a duration of milliseconds, in seconds: 1.5.
func seconds(o *object.Writer, name string, d time.Duration) {
	if d = d.Truncate(time.Millisecond); d != 0 {
		o.Key(name)
		o.B = bytes.TrimRight(appendSeconds(o.B, d), "0")
		o.B = bytes.TrimSuffix(o.B, []byte{'.'})
	}
}

const hex = "0123456789abcdef"

// asIs are the characters that mean themselves in a JSON string.
var asIs = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendText appends a JSON string (RFC 8259 §7). What is no UTF-8 becomes U+FFFD.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for {
		n := 0
		for n < len(s) && asIs[s[n]] {
			n++
		}
		dst = append(dst, s[:n]...)
		if s = s[n:]; s == "" {
			return append(dst, '"')
		}
		switch c := s[0]; {
		case c == '"' || c == '\\':
			dst, n = append(dst, '\\', c), 1
		case c < ' ':
			dst, n = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15]), 1
		default:
			var r rune
			r, n = utf8.DecodeRuneInString(s)
			dst = utf8.AppendRune(dst, r) // U+FFFD for what is none
		}
		s = s[n:]
	}
}
