package card

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"

	"tandem/rtc/contacts"
)

// headers are the names that columns may have, the one that is written first.
var headers = map[string][]string{
	"address": {"address", "sip", "uri", "sip address", "contact", "e-mail address", "email", "e-mail 1 - value"},
	"name":    {"name", "display name", "full name", "fn"},
	"groups":  {"groups", "group", "group membership", "categories", "labels"},
	"numbers": {"numbers", "number", "phone", "telephone", "phone number", "mobile phone", "business phone", "home phone", "phone 1 - value"},
}

// readCSV reads a table whose first row names the columns.
func readCSV(text string) (list []contacts.Contact, skipped []string, err error) {
	text = strings.TrimPrefix(text, "\ufeff")
	first, _, _ := strings.Cut(text, "\n")
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace = -1, true, true
	for _, c := range ";\t" { // what spreadsheets of some countries write
		if strings.Count(first, string(c)) > strings.Count(first, ",") {
			r.Comma = c
		}
	}
	head, err := r.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("the first row must name the columns: address,name,groups,numbers: %w", err)
	}
	columns := make([]string, len(head))
	for i, h := range head {
		for kind, names := range headers {
			if slices.Contains(names, strings.ToLower(strings.TrimSpace(h))) {
				columns[i] = kind
			}
		}
	}
	if !slices.Contains(columns, "address") && !slices.Contains(columns, "numbers") {
		return nil, nil, fmt.Errorf("no column is called address or numbers; the first row is %q", strings.Join(head, ","))
	}
	for n := 2; ; n++ {
		row, err := r.Read()
		if err == io.EOF {
			return list, skipped, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("row %d: %w", n, err)
		}
		of := func(kind string) (values []string) {
			for i, v := range row {
				if i < len(columns) && columns[i] == kind && strings.TrimSpace(v) != "" {
					values = append(values, v)
				}
			}
			return values
		}
		c, ok := contact(of("address"), several(of("numbers")), several(of("groups")), strings.Join(of("name"), " "))
		if !ok {
			skipped = append(skipped, fmt.Sprintf("row %d", n))
			continue
		}
		list = append(list, c)
	}
}

// several splits values that hold more than one, such as "a | b".
func several(values []string) (list []string) {
	for _, v := range values {
		list = append(list, strings.FieldsFunc(v, func(r rune) bool { return r == '|' || r == ';' })...)
	}
	return list
}

// writeCSV writes a table that spreadsheets cannot take for formulas.
func writeCSV(list []contacts.Contact) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"address", "name", "groups", "numbers"}}
	for _, c := range list {
		rows = append(rows, []string{c.Address, safe(c.Name), safe(strings.Join(c.Groups, "|")), strings.Join(c.Numbers, "|")})
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing the table: %w", err)
	}
	return b.Bytes(), nil
}

// safe keeps a text from being taken for a formula.
func safe(s string) string {
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
