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
	"given":   {"first name", "given name", "vorname"},
	"family":  {"last name", "family name", "surname", "nachname"},
	"groups":  {"groups", "group", "group membership", "categories", "labels"},
	"numbers": {"numbers", "number", "phone", "telephone", "phone number", "mobile phone", "business phone", "home phone", "primary phone", "phone 1 - value"},
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
		name := of("name")
		if len(name) == 0 { // Outlook writes no other
			name = append(of("given"), of("family")...)
		}
		c, ok := contact(of("address"), several(of("numbers")), several(of("groups")), unquoted(strings.Join(name, " ")))
		if !ok {
			skipped = append(skipped, fmt.Sprintf("row %d", n))
			continue
		}
		list = append(list, c)
	}
}

// several splits values that hold more than one, as "a|b" or, where there is no "|", as
// "a;b".
func several(values []string) (list []string) {
	for _, v := range values {
		sign := ";"
		if strings.Contains(v, "|") {
			sign = "|"
		}
		for part := range strings.SplitSeq(unquoted(v), sign) {
			if part != "" {
				list = append(list, part)
			}
		}
	}
	return list
}

// joined is the opposite of several.
func joined(values []string) string {
	s := strings.Join(values, "|")
	if strings.Contains(s, ";") && !strings.Contains(s, "|") {
		s += "|"
	}
	return s
}

// writeCSV writes a table that spreadsheets cannot take for formulas.
func writeCSV(list []contacts.Contact) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"address", "name", "groups", "numbers"}}
	for _, c := range list {
		rows = append(rows, []string{c.Address, safe(c.Name), safe(joined(c.Groups)), strings.Join(c.Numbers, "|")})
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("writing the table: %w", err)
	}
	return b.Bytes(), nil
}

const formula = "=+-@" // with which formulas begin

// safe keeps a text from being taken for a formula.
func safe(s string) string {
	if s != "" && strings.ContainsRune(formula, rune(s[0])) {
		return "'" + s
	}
	return s
}

// unquoted is the opposite of safe.
func unquoted(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.ContainsRune(formula, rune(s[1])) {
		return s[1:]
	}
	return s
}
