package family

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Format is the grammar of a file: how texts are written into it, and what must
// be true of it when it is made.
type Format string

// The formats.
const (
	XML    Format = "xml"
	Lines  Format = "lines"  // key = value, or key: value, to the end of the line
	Quoted Format = "quoted" // key: "value"
	Words  Format = "words"  // commands whose texts stand in quotes
	Plain  Format = "plain"  // anything without texts of users
)

// safe writes a text so that it stays in its place.
func (f Format) safe(s string) string {
	if plain(s) {
		return s
	}
	switch f {
	case XML:
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(s)) // a Builder does not fail
		return b.String()
	case Quoted, Words:
		return strings.Map(dropOf("\"\\<>;\r\n\x00"), s)
	}
	return strings.Map(dropOf("\r\n\x00"), s)
}

// plain is true of what no format changes.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || strings.IndexByte("\"\\<>;&'", c) >= 0 {
			return false
		}
	}
	return true
}

func dropOf(set string) func(rune) rune {
	return func(r rune) rune {
		if strings.ContainsRune(set, r) {
			return -1
		}
		return r
	}
}

// check finds what a phone would stumble over.
func (f Format) check(b []byte) error {
	if bytes.Contains(b, []byte("<no value>")) {
		return errors.New("it names a setting that is not there: ask for it with index .Set, or with default")
	}
	switch f {
	case XML:
		return checkXML(b)
	case Lines, Quoted:
		return checkLines(b, f == Quoted)
	case Words, Plain:
		return nil
	}
	return fmt.Errorf("format %q is unknown; use xml, lines, quoted, words or plain", f)
}

func checkXML(b []byte) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	elements := 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if _, ok := t.(xml.StartElement); ok {
			elements++
		}
	}
	if elements == 0 {
		return errors.New("it has no element")
	}
	return nil
}

func checkLines(b []byte, quoted bool) error {
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") || strings.HasPrefix(line, "[") || strings.HasPrefix(line, "<<") {
			continue
		}
		at := strings.IndexAny(line, "=:")
		if at <= 0 {
			return fmt.Errorf("line %d is not \"key = value\": %.40q", n, line)
		}
		value := strings.TrimSpace(line[at+1:])
		if quoted && strings.HasPrefix(value, `"`) && (len(value) < 2 || !strings.HasSuffix(value, `"`) || strings.Contains(value[1:len(value)-1], `"`)) {
			return fmt.Errorf("line %d: the value does not end in a quote", n)
		}
	}
	return nil
}
