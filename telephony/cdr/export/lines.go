package export

import (
	"bytes"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"tandem/telephony/cdr"
)

// lines writes records as JSON, one a line: times as in RFC 3339, durations in
// seconds. It writes the JSON itself, since encoding/json takes three times as long,
// and an export of a million records shares the machine with calls.
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

// object is JSON being written. Fields whose value is zero are left out unless they
// are always there.
type object struct {
	b     []byte
	begun bool
}

func (o *object) open()  { o.b, o.begun = append(o.b, '{'), false }
func (o *object) close() { o.b, o.begun = append(o.b, '}'), true }

// key begins a field.
func (o *object) key(name string) {
	if o.begun {
		o.b = append(o.b, ',')
	}
	o.begun = true
	o.b = append(append(append(o.b, '"'), name...), '"', ':')
}

// always is a text that is there even when it is empty.
func (o *object) always(name, value string) {
	o.key(name)
	o.b = appendText(o.b, value)
}

func (o *object) text(name, value string) {
	if value != "" {
		o.always(name, value)
	}
}

func (o *object) whole(name string, n uint64) {
	if n != 0 {
		o.key(name)
		o.b = strconv.AppendUint(o.b, n, 10)
	}
}

func (o *object) code(name string, n int) {
	if n != 0 {
		o.key(name)
		o.b = strconv.AppendInt(o.b, int64(n), 10)
	}
}

func (o *object) number(name string, f float64) {
	if f != 0 {
		o.key(name)
		o.b = strconv.AppendFloat(o.b, f, 'f', -1, 64)
	}
}

// seconds is a duration of milliseconds, in seconds: 1.5.
func (o *object) seconds(name string, d time.Duration) {
	if d = d.Truncate(time.Millisecond); d != 0 {
		o.key(name)
		o.b = bytes.TrimRight(appendSeconds(o.b, d), "0")
		o.b = bytes.TrimSuffix(o.b, []byte{'.'})
	}
}

func (o *object) moment(name string, t time.Time) {
	if !t.IsZero() {
		o.key(name)
		o.b = append(t.AppendFormat(append(o.b, '"'), time.RFC3339Nano), '"')
	}
}

// list begins a field that is an array; each writes its elements.
func (o *object) list(name string, n int, each func(i int)) {
	o.key(name)
	o.b = append(o.b, '[')
	for i := range n {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		each(i)
	}
	o.b, o.begun = append(o.b, ']'), true
}

// appendRecord appends a record as a JSON object.
func appendRecord(dst []byte, r *cdr.Record) []byte {
	o := &object{b: dst}
	o.open()
	o.always("id", r.ID)
	o.always("state", string(r.State))
	o.always("from", string(r.From))
	o.text("display_name", r.Display)
	o.always("to", r.To)
	o.text("number", r.Number)
	o.text("kind", r.Kind)
	o.text("called", string(r.Called))
	o.text("payer", string(r.Payer))
	o.text("trunk", r.Trunk)
	if len(r.Tried) > 0 {
		o.list("tried", len(r.Tried), func(i int) { o.try(&r.Tried[i]) })
	}
	o.moment("started", r.Started)
	o.moment("ringing", r.Ringing)
	o.moment("answered", r.Answered)
	o.moment("ended", r.Ended)
	o.seconds("post_dial_delay_s", r.Delay())
	o.seconds("rang_s", r.Rang())
	o.seconds("talked_s", r.Talked())
	o.seconds("held_s", r.Held)
	o.text("ended_by", r.EndedBy)
	o.code("code", r.Code)
	o.code("cause", r.Cause)
	o.text("text", r.Text)
	o.list("call_ids", len(r.CallIDs), func(i int) { o.b = appendText(o.b, r.CallIDs[i]) })
	o.list("sides", len(r.Sides), func(i int) { o.sound(&r.Sides[i]) })
	if len(r.Story) > 0 {
		o.list("story", len(r.Story), func(i int) { o.step(&r.Story[i]) })
	}
	o.close()
	return o.b
}

func (o *object) try(t *cdr.Try) {
	o.open()
	o.text("trunk", t.Trunk)
	o.always("uri", t.URI)
	o.text("call_id", t.CallID)
	o.code("code", t.Code)
	o.code("cause", t.Cause)
	o.text("text", t.Text)
	o.moment("began", t.Began)
	o.moment("ended", t.Ended)
	o.close()
}

func (o *object) sound(s *cdr.Sound) {
	o.open()
	o.text("codec", s.Codec)
	o.whole("packets", s.Packets)
	o.whole("lost", s.Lost)
	o.number("jitter_ms", s.Jitter)
	o.number("mos", s.MOS)
	o.close()
}

func (o *object) step(s *cdr.Step) {
	o.open()
	o.moment("at", s.At)
	o.always("what", string(s.What))
	o.text("who", s.Who)
	o.close()
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
