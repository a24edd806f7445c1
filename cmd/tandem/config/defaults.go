package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// DefaultsYAML is the default configuration as a file, with what each key means, as
// "tandem config defaults" prints it.
func DefaultsYAML() (string, error) {
	keys, err := described()
	if err != nil {
		return "", err
	}
	f := file{}
	f.comment(0, "Tandem's configuration. Every value below is the default; a file needs only what differs. Check it with: tandem config check -c tandem.yaml")
	def := reflect.ValueOf(Default())
	for i, k := range keys {
		f.WriteByte('\n')
		f.key(0, k, def.Field(i))
	}
	return f.String(), nil
}

// file is a configuration file that is being written.
type file struct{ strings.Builder }

func (f *file) key(indent int, k key, v reflect.Value) {
	f.comment(indent, unmarked(k.means)+".")
	margin := strings.Repeat(" ", indent)
	switch {
	case k.list():
		f.comment(indent, "Keys of an entry:")
		values(k.keys, func(e key) {
			f.comment(indent, "  "+strings.TrimPrefix(e.path, k.path+"[].")+": "+unmarked(e.means))
		})
		fallthrough
	case k.keys == nil:
		fmt.Fprintf(f, "%s%s:%s\n", margin, k.name, written(v, indent))
	default:
		fmt.Fprintf(f, "%s%s:\n", margin, k.name)
		for i, inner := range k.keys {
			f.key(indent+2, inner, v.Field(i))
		}
	}
}

// width is how long a line of comment or a list may be.
const width = 88

// comment writes a text in lines; what it begins with is the margin of all of them.
func (f *file) comment(indent int, text string) {
	words := strings.Fields(text)
	margin := strings.Repeat(" ", indent) + "# " + strings.Repeat(" ", len(text)-len(strings.TrimLeft(text, " ")))
	line := margin
	for _, w := range words {
		if len(line)+1+len(w) > width && line != margin {
			f.WriteString(strings.TrimRight(line, " ") + "\n")
			line = margin
		}
		line += w + " "
	}
	f.WriteString(strings.TrimRight(line, " ") + "\n")
}

// written is a value as a file has it, behind the colon of its key.
func written(v reflect.Value, indent int) string {
	if v.Kind() != reflect.Slice {
		return " " + scalar(v)
	}
	var entries []string
	for _, e := range v.Seq2() {
		entries = append(entries, scalar(e))
	}
	line := " [" + strings.Join(entries, ", ") + "]"
	if len(entries) == 0 || len(line) < width && v.Type().Elem().Kind() != reflect.Struct {
		return line
	}
	margin := "\n" + strings.Repeat(" ", indent+2) + "- "
	return margin + strings.Join(entries, margin)
}

// plainText needs no quotes in YAML.
var plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

func scalar(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return short(x)
	case string:
		if !plainText.MatchString(x) {
			return strconv.Quote(x)
		}
		return x
	}
	if v.Kind() != reflect.Struct {
		return fmt.Sprint(v.Interface())
	}
	var fields []string
	for f, value := range v.Fields() {
		if !value.IsZero() {
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			fields = append(fields, name+": "+scalar(value))
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

// short is a duration without units that are zero: 1h, 3m10s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
