package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

// table is the part of the document between marks, which name sections.
var table = regexp.MustCompile(`(?s)<!-- keys: ([a-z ]+) -->\n.*?<!-- end -->`)

// TestConfigurationDocument: the tables of docs/configuration.md are those of the
// keys, and no section is left out.
func TestConfigurationDocument(t *testing.T) {
	const path = "../../../docs/configuration.md"
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sections, err := described()
	if err != nil {
		t.Fatal(err)
	}
	want := table.ReplaceAllFunc(have, func(block []byte) []byte {
		shown := strings.Fields(string(table.FindSubmatch(block)[1]))
		text := fmt.Sprintf("<!-- keys: %s -->\n| key | default | applied by | meaning |\n|---|---|---|---|\n", strings.Join(shown, " "))
		for _, name := range shown {
			i := slices.IndexFunc(sections, func(k key) bool { return k.name == name })
			if i < 0 {
				t.Fatalf("there is no section %s, or two tables show it", name)
			}
			text += rows(sections[i])
			sections = slices.Delete(sections, i, i+1)
		}
		return []byte(text + "<!-- end -->")
	})
	for _, k := range sections {
		t.Errorf("no table shows %s", k.path)
	}
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(have, want) {
		t.Error("docs/configuration.md is not what the keys say; write it with: go test ./cmd/tandem/config -run TestConfigurationDocument -update")
	}
}

// rows are the lines of a section's table.
func rows(k key) (text string) {
	def := reflect.ValueOf(Default())
	values([]key{k}, func(k key) {
		value := ""
		if v := at(def, k.path); v.IsValid() && !(v.IsZero() && v.Kind() == reflect.String) && !(v.Kind() == reflect.Slice && v.Len() == 0) {
			if value = "`" + cell(v) + "`"; len(value) > 120 {
				value = "(long)"
			}
		}
		applied := "restart"
		if live(k.path) {
			applied = "reload"
		}
		text += fmt.Sprintf("| `%s` | %s | %s | %s |\n", k.path, value, applied, strings.ReplaceAll(k.means, "|", `\|`))
	})
	return text
}

// cell is a value in one line, without quotes.
func cell(v reflect.Value) string {
	if list, ok := v.Interface().([]string); ok {
		return "[" + strings.Join(list, ", ") + "]"
	}
	return strings.Trim(scalar(v), `"`)
}

// live is whether a change of the key needs no restart.
func live(path string) bool {
	old, cfg := Default(), Default()
	v := reflect.ValueOf(&cfg).Elem()
	for name := range strings.SplitSeq(path, ".") {
		if v.Kind() == reflect.Slice {
			break // a list is changed as a whole
		}
		v = v.FieldByIndex(fieldOf(v.Type(), strings.TrimSuffix(name, "[]")))
	}
	change(v)
	return NeedsRestart(&old, &cfg) == ""
}

func fieldOf(t reflect.Type, name string) []int {
	f, ok := t.FieldByNameFunc(func(field string) bool {
		f, _ := t.FieldByName(field)
		tag, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		return tag == name
	})
	if !ok {
		panic("no key " + name)
	}
	return f.Index
}

// change makes v different from what it was.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		change(v.Field(0))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), v.Len()+1, v.Len()+1))
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	default:
		v.SetInt(v.Int() + 1)
	}
}

// at is the value of a key, invalid for one within a list.
func at(v reflect.Value, path string) reflect.Value {
	for _, name := range strings.Split(path, ".") {
		if strings.HasSuffix(name, "[]") {
			return reflect.Value{}
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("yaml") == name {
				v = v.Field(i)
				break
			}
		}
	}
	return v
}
