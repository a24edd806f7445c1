package registrar

import (
	"sync/atomic"
	"time"
)

// dateLine is the Date header line, made once a second.
type dateLine struct{ now atomic.Pointer[dateText] }

type dateText struct {
	second int64
	line   string
}

func (d *dateLine) at(t time.Time) string {
	s := t.Unix()
	if c := d.now.Load(); c != nil && c.second == s {
		return c.line
	}
	// RFC 3261 §20.17: only GMT
	c := &dateText{second: s, line: t.UTC().Format("Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n")}
	d.now.Store(c)
	return c.line
}
