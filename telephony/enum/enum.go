// Package enum finds what DNS says of telephone numbers (RFC 6116): the address at
// which one is reached over the Internet, or how it is ported (RFC 4769).
//
// It owns the names of numbers in DNS and the reading of their records. It asks no
// server by itself, and whether a call goes where DNS says is routing's to decide.
package enum

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
)

// Record is a NAPTR record of a number (RFC 3403 §4.1).
type Record struct {
	Order, Preference          uint16
	Flags, Service, Expression string
}

// Source asks DNS for the NAPTR records at a name; none and no error when there are
// none.
type Source func(ctx context.Context, name string) ([]Record, error)

// maxFound bounds what is taken of one number's records.
const maxFound = 5

// Finder finds numbers below domains of DNS.
type Finder struct {
	Source  Source
	Domains []string // "e164.arpa"; the first that has records counts
}

// Find returns the URIs (sip:, sips: and tel:) at which a number, in E.164 with '+', is
// reached, best first; none when DNS has none. An error is that of the last domain
// asked.
func (f *Finder) Find(ctx context.Context, number string) (uris []string, err error) {
	for _, domain := range f.Domains {
		var records []Record
		if records, err = f.Source(ctx, name(number, domain)); err != nil {
			continue
		}
		if uris = read(records, number); len(uris) > 0 {
			return uris, nil
		}
	}
	return nil, err
}

// name is where a number's records stand in DNS (RFC 6116 §3.2): +4930 is
// 0.3.9.4.e164.arpa.
func name(number, domain string) string {
	var b strings.Builder
	for i := len(number) - 1; i >= 0; i-- {
		if c := number[i]; c >= '0' && c <= '9' {
			b.WriteByte(c)
			b.WriteByte('.')
		}
	}
	return b.String() + domain
}

// read returns the URIs that records make of a number, in the order in which they are
// to be tried (RFC 6116 §3.4). Records that are not understood are passed over.
func read(records []Record, number string) (uris []string) {
	records = slices.Clone(records)
	slices.SortStableFunc(records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	for _, r := range records {
		if !strings.EqualFold(r.Flags, "u") || !calls(r.Service) || len(uris) >= maxFound {
			continue
		}
		uri, ok := apply(r.Expression, number)
		scheme, _, _ := strings.Cut(strings.ToLower(uri), ":")
		if ok && (scheme == "sip" || scheme == "sips" || scheme == "tel") {
			uris = append(uris, uri)
		}
	}
	return uris
}

// calls reports whether a service field has a service by which calls are made:
// "E2U+sip" (RFC 3764), "E2U+pstn:tel" (RFC 4769), "E2U+voice:tel" (RFC 4415).
func calls(service string) bool {
	kind, services, ok := strings.Cut(strings.ToLower(service), "+")
	if !ok || kind != "e2u" {
		return false
	}
	for s := range strings.SplitSeq(services, "+") {
		switch name, _, _ := strings.Cut(s, ":"); name {
		case "sip", "pstn", "voice":
			return true
		}
	}
	return false
}

// maxExpression bounds an expression: of strangers, and RE2 takes time that grows with
// it.
const maxExpression = 255

// apply makes a URI of a number by the substitution expression of a record (RFC 3402
// §3.2): "!^.*$!sip:info@example.com!". \1 to \9 stand for what parts matched.
func apply(expression, number string) (uri string, ok bool) {
	if len(expression) < 3 || len(expression) > maxExpression {
		return "", false
	}
	delimiter := expression[:1]
	parts := strings.Split(expression[1:], delimiter)
	if len(parts) != 3 || strings.Trim(parts[2], "iI") != "" {
		return "", false
	}
	compile, pattern := regexp.CompilePOSIX, parts[0]
	if parts[2] != "" { // the syntax of POSIX knows no flags
		compile, pattern = regexp.Compile, "(?i)"+pattern
	}
	re, err := compile(pattern)
	if err != nil {
		return "", false
	}
	match := re.FindStringSubmatch(number)
	if match == nil {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(parts[1]); i++ {
		c := parts[1][i]
		if c != '\\' || i+1 == len(parts[1]) {
			b.WriteByte(c)
			continue
		}
		i++
		switch n := int(parts[1][i]) - '0'; {
		case n >= 1 && n <= 9 && n < len(match):
			b.WriteString(match[n])
		case n >= 1 && n <= 9:
			return "", false
		default:
			b.WriteByte(parts[1][i])
		}
	}
	return b.String(), true
}
