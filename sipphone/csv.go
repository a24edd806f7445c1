package sipphone

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Row is a phone in a CSV file. Its users, keys and settings are texts: who reads
// it checks them.
type Row struct {
	MAC, Family, Model, Label, Site, Timezone, Language string
	Lines, Keys                                         []string // "user:label"; KIND:TARGET:LABEL
	Shared                                              []string // those users whose lines are shared
	Settings                                            map[string]string
}

var columns = []string{"mac", "family", "model", "label", "site", "timezone", "language", "lines", "shared", "keys", "settings"}

// maxRows bounds a file.
const maxRows = 10000

// ReadCSV reads a file whose first line names the columns, with commas,
// semicolons or tabs. Several values in a cell stand apart by "|".
func ReadCSV(in io.Reader) ([]Row, error) {
	b := bufio.NewReader(in)
	head, err := b.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3) // it was peeked at
		head = head[3:]
	}
	r := csv.NewReader(b)
	first, _, _ := bytes.Cut(head, []byte("\n"))
	for _, c := range []byte(";\t") {
		if bytes.IndexByte(first, c) >= 0 {
			r.Comma = rune(c)
		}
	}
	names, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("reading the names of the columns: %w", err)
	}
	for i := range names {
		names[i] = strings.ToLower(strings.TrimSpace(names[i]))
		if !slices.Contains(columns, names[i]) {
			return nil, fmt.Errorf("column %q: %w: use some of %s", clip(names[i]), ErrInvalid, strings.Join(columns, ", "))
		}
	}
	if !slices.Contains(names, "mac") {
		return nil, fmt.Errorf("columns: %w: one of them must be mac", ErrInvalid)
	}
	var rows []Row
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		if len(rows) == maxRows {
			return nil, fmt.Errorf("%w phones in one file: there may be %d", ErrTooMany, maxRows)
		}
		row, err := readRow(names, cells)
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		rows = append(rows, row)
	}
}

func readRow(names, cells []string) (row Row, err error) {
	texts := map[string]*string{"mac": &row.MAC, "family": &row.Family, "model": &row.Model, "label": &row.Label, "site": &row.Site,
		"timezone": &row.Timezone, "language": &row.Language}
	for i, name := range names {
		cell := strings.TrimSpace(cells[i])
		switch name {
		case "lines":
			row.Lines = split(cell)
		case "shared":
			row.Shared = split(cell)
		case "keys":
			row.Keys = split(cell)
		case "settings":
			row.Settings = make(map[string]string)
			for _, s := range split(cell) {
				key, value, ok := strings.Cut(s, "=")
				if !ok {
					return row, fmt.Errorf("setting %q: %w: write NAME=VALUE", clip(s), ErrInvalid)
				}
				row.Settings[key] = value
			}
		default:
			*texts[name] = cell
		}
	}
	if _, err := ParseMAC(row.MAC); err != nil {
		return row, err
	}
	for _, k := range row.Keys {
		if _, err := ParseKey(k); err != nil {
			return row, err
		}
	}
	return row, nil
}

func split(cell string) (list []string) {
	for s := range strings.SplitSeq(cell, "|") {
		if s = strings.TrimSpace(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// WriteCSV writes what ReadCSV reads.
func WriteCSV(out io.Writer, rows []Row) error {
	w := csv.NewWriter(out)
	if err := w.Write(columns); err != nil {
		return err
	}
	for _, r := range rows {
		var settings []string
		for name, value := range r.Settings {
			settings = append(settings, name+"="+value)
		}
		slices.Sort(settings)
		err := w.Write([]string{r.MAC, r.Family, r.Model, r.Label, r.Site, r.Timezone, r.Language,
			strings.Join(r.Lines, "|"), strings.Join(r.Shared, "|"), strings.Join(r.Keys, "|"), strings.Join(settings, "|")})
		if err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
