package config

import (
	_ "embed"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
)

// keysYAML says what each key means, by its path.
//
//go:embed keys.yaml
var keysYAML []byte

// key is one key of the configuration file.
type key struct {
	name  string // as it is written: "addr"
	path  string // "limits.drain", "listen[].addr"
	means string // Markdown
	typ   reflect.Type
	keys  []key // of a section or of an entry of a list, nil for a value
}

// list says that the key holds entries with keys of their own.
func (k *key) list() bool { return k.keys != nil && k.typ.Kind() == reflect.Slice }

// values calls f for every key below that holds a value.
func values(keys []key, f func(key)) {
	for _, k := range keys {
		if k.keys == nil {
			f(k)
		}
		values(k.keys, f)
	}
}

// described is all keys of the configuration in the order of a file. A key without
// a text, or a text without a key, is an error.
func described() ([]key, error) {
	texts := map[string]string{}
	if err := yaml.Unmarshal(keysYAML, &texts); err != nil {
		return nil, fmt.Errorf("keys.yaml: %w", err)
	}
	keys, err := keysOf(reflect.TypeFor[Config](), "", texts)
	if err != nil {
		return nil, err
	}
	for path := range texts {
		return nil, fmt.Errorf("keys.yaml: there is no key %s", path)
	}
	return keys, nil
}

// keysOf takes the texts of a struct's keys out of texts.
func keysOf(t reflect.Type, prefix string, texts map[string]string) (keys []key, err error) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		k := key{name: name, path: prefix + name, typ: f.Type}
		k.means = texts[k.path]
		if k.means == "" {
			return nil, fmt.Errorf("keys.yaml says nothing about %s", k.path)
		}
		delete(texts, k.path)
		inner, below := f.Type, k.path+"."
		if inner.Kind() == reflect.Slice {
			inner, below = inner.Elem(), k.path+"[]."
		}
		if inner.Kind() == reflect.Struct {
			if k.keys, err = keysOf(inner, below, texts); err != nil {
				return nil, err
			}
		}
		keys = append(keys, k)
	}
	return keys, nil
}

var link = regexp.MustCompile(`\[([^]]+)\]\([^)]+\)`)

// unmarked is a text without its Markdown.
func unmarked(text string) string {
	return strings.ReplaceAll(link.ReplaceAllString(text, "$1"), "`", "")
}
