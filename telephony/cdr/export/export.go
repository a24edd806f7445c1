// Package export writes call records for others: as lines of JSON or as CSV, and
// added up to reports.
//
// It reads nothing itself; records come from a cdr.Store.
package export

import (
	"io"

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
		return &table{out: w}
	}
	return &lines{out: w}
}
