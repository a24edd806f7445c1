package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/lexer"
)

var (
	wrongType     = regexp.MustCompile(`^cannot unmarshal (.*) into Go .* of type (\S+)`)
	wrongShape    = regexp.MustCompile(`^(.*) was used where (\w+) is expected`)
	wrongDuration = regexp.MustCompile(`time: (?:invalid duration|missing unit in duration|unknown unit .* in duration) "(.*)"`)
)

// wanted is what each type of value looks like in a file.
var wanted = map[string]string{
	"time.Duration": "a duration such as 30s or 5m",
	"int":           "a number",
	"int64":         "a number",
	"bool":          "true or false",
	"string":        "a text",
	"[]string":      "a list such as [a, b]",
	"mapping":       "keys and values",
	"sequence":      "a list",
}

// plain says what the YAML library says in the words of the file's author.
func plain(msg string) string {
	for _, re := range []*regexp.Regexp{wrongType, wrongShape} {
		if m := re.FindStringSubmatch(msg); m != nil {
			want, ok := wanted[m[2]]
			if !ok {
				want = "something else"
			}
			return "wanted here: " + want + "; see: tandem config defaults"
		}
	}
	return msg
}

// misspelt finds the duration that an error without a place speaks of.
func misspelt(b []byte, msg string) (at place, told string, ok bool) {
	m := wrongDuration.FindStringSubmatch(msg)
	if m == nil {
		return at, "", false
	}
	for _, t := range lexer.Tokenize(string(b)) {
		if t.Value == strings.ReplaceAll(m[1], `\"`, `"`) {
			return place{t.Position.Line, t.Position.Column}, fmt.Sprintf("%q is not a duration; write it as 30s or 5m", m[1]), true
		}
	}
	return at, "", false
}
