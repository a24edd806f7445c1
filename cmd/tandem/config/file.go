package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/parser"
)

// Load reads a configuration file over the defaults; path "" is the defaults
// alone. The error has a line for each mistake, with file, line, column and remedy.
func Load(path string) (Config, error) {
	c, b, err := read(path)
	if b == nil {
		return c, err
	}
	return c, errors.Join(err, locate(path, b, c.faults()))
}

// Examine is Load that looks for the files the configuration names as well, as
// the user who runs the server.
func Examine(path string) error {
	c, b, err := read(path)
	if b == nil {
		return err
	}
	faults := c.faults()
	c.TLS.fileFaults(func(key, format string, args ...any) {
		faults = append(faults, fault{key, fmt.Errorf(format, args...)})
	})
	return errors.Join(err, locate(path, b, faults))
}

// read is Load without looking for faults that the syntax does not show. text is
// what the file holds, nil when it could not be read.
func read(path string) (c Config, text []byte, err error) {
	c = Default()
	if path == "" {
		return c, nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c, nil, fmt.Errorf("%w; -c must name a file this user may read", err)
	}
	if err != nil {
		return c, nil, fmt.Errorf("%w; write one with: tandem config defaults > %s", err, path)
	}
	if b == nil {
		b = []byte{}
	}
	var errs []error
	for _, mistake := range parse(b, &c) {
		errs = append(errs, fmt.Errorf("%s:%w", path, mistake))
	}
	if len(c.Trunks()) > 0 && !holds(b, "telephony.all_calls") {
		c.Telephony.AllCalls = false // as when there were routes for numbers
	}
	return c, b, errors.Join(errs...)
}

// holds reports whether a file has a key.
func holds(b []byte, key string) bool {
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return false
	}
	p, err := yaml.PathString("$." + key)
	if err != nil {
		return false
	}
	node, err := p.FilterFile(file)
	return err == nil && node != nil
}

// locate turns faults into one error that names the place of each.
func locate(path string, b []byte, faults []fault) error {
	if len(faults) == 0 {
		return nil
	}
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		return nil // read has said so
	}
	var errs []error
	for _, f := range faults {
		place := path
		if p, err := yaml.PathString("$." + f.key); err == nil {
			if node, err := p.FilterFile(file); err == nil && node != nil {
				at := node.GetToken().Position
				place = fmt.Sprintf("%s:%d:%d", path, at.Line, at.Column)
			}
		}
		errs = append(errs, fmt.Errorf("%s: %w", place, f))
	}
	return errors.Join(errs...)
}

// names collects every yaml key of a configuration type.
func names(t reflect.Type, into []string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return into
	}
	for f := range t.Fields() {
		if tag, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); tag != "" && tag != "-" {
			into = names(f.Type, append(into, tag))
		}
	}
	return into
}

// nearest is the key with the smallest edit distance, else one that begins with the
// name; "" when none is near.
func nearest(name string, keys []string) string {
	best, dist := "", len(name)/3+2
	for _, k := range keys {
		if d := distance(strings.ToLower(name), k); d < dist && k != name { // itself belongs elsewhere
			best, dist = k, d
		}
	}
	if at := slices.IndexFunc(keys, func(k string) bool { return len(name) > 2 && strings.HasPrefix(k, name) && k != name }); best == "" && at >= 0 {
		return keys[at]
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0]++
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(row[j]+1, row[j+1]+1, cost)
		}
	}
	return row[len(b)]
}
