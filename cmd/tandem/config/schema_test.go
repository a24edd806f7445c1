package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// leaf is one key of the configuration: "limits.drain", "listen[].addr".
type leaf struct {
	path string
	typ  reflect.Type
}

func leaves(t reflect.Type, prefix string) []leaf {
	var list []leaf
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		path, ft := prefix+name, f.Type
		if ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct {
			path, ft = path+"[]", ft.Elem()
		}
		if ft.Kind() == reflect.Struct {
			list = append(list, leaves(ft, path+".")...)
			continue
		}
		list = append(list, leaf{path, ft})
	}
	return list
}

// TestSchemaTakesWhatFilesHold: an editor that knows the schema must not mark
// durations and single next hops as wrong, and shows whole sentences.
func TestSchemaTakesWhatFilesHold(t *testing.T) {
	b, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Defs map[string]struct {
			Properties map[string]struct {
				Type        string
				Description string
				OneOf       []any
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	if typ := s.Defs["Limits"].Properties["drain"].Type; typ != "string" {
		t.Errorf("limits.drain is a %s, but files hold 30s", typ)
	}
	if n := len(s.Defs["Route"].Properties["next_hop"].OneOf); n != 2 {
		t.Errorf("next_hop has %d spellings, want one URI and a list", n)
	}
	if d := s.Defs["HTTP"].Properties["addr"].Description; !strings.HasSuffix(d, "empty: off") {
		t.Errorf("the description is cut: %q", d)
	}
}

// TestConfigurationDocument: docs/configuration.md has a row for every key and
// no other, with the default and whether a reload applies it.
func TestConfigurationDocument(t *testing.T) {
	b, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range bytes.Lines(b) {
		cells := strings.Split(string(line), "|")
		if key, ok := strings.CutPrefix(strings.TrimSpace(cells[min(1, len(cells)-1)]), "`"); ok && len(cells) == 6 {
			rows[strings.TrimSuffix(key, "`")] = cells[2:5]
		}
	}
	def := Default()
	for _, l := range leaves(reflect.TypeFor[Config](), "") {
		row, ok := rows[l.path]
		if !ok {
			t.Errorf("no row for %s", l.path)
			continue
		}
		delete(rows, l.path)
		cell := strings.Trim(strings.TrimSpace(row[0]), "`")
		if v := at(reflect.ValueOf(def), l.path); v.IsValid() && !isDefault(v, cell) {
			t.Errorf("%s: default %q in the document, %v in truth", l.path, cell, v)
		}
		if got, want := strings.TrimSpace(row[1]) == "reload", live(l.path); got != want {
			t.Errorf("%s: reload %t in the document, %t in truth", l.path, got, want)
		}
	}
	for key := range rows {
		t.Errorf("there is no key %s", key)
	}
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

// isDefault is whether the document's cell says v; what is empty is written as nothing.
func isDefault(v reflect.Value, cell string) bool {
	switch x := v.Interface().(type) {
	case time.Duration:
		d, err := time.ParseDuration(cell)
		return err == nil && d == x
	case []string:
		return cell == "" && len(x) == 0 || cell == "(long)" && len(x) > 4 || cell == "["+strings.Join(x, ", ")+"]"
	}
	return cell == fmt.Sprint(v.Interface())
}

// TestDescriptionsAreWhole: the schema library cuts a description in its own
// tag at the first comma.
func TestDescriptionsAreWhole(t *testing.T) {
	b, err := os.ReadFile("config.go")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte(`jsonschema:"description=`)) {
		t.Error(`write jsonschema_description:"…" instead of jsonschema:"description=…"`)
	}
}

// TestDefaultsFileHoldsTheDefaults: what "tandem config defaults" prints is
// what holds without a file.
func TestDefaultsFileHoldsTheDefaults(t *testing.T) {
	var read Config
	if err := parsed([]byte(DefaultsYAML), &read); err != nil {
		t.Fatal(err)
	}
	want := Default()
	for _, l := range leaves(reflect.TypeFor[Config](), "") {
		a, b := at(reflect.ValueOf(read), l.path), at(reflect.ValueOf(want), l.path)
		if a.IsValid() && fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s: %v in defaults.yaml, %v in truth", l.path, a, b)
		}
	}
	if fmt.Sprint(read.Listen) != fmt.Sprint(want.Listen) {
		t.Errorf("listen: %v in defaults.yaml, %v in truth", read.Listen, want.Listen)
	}
}
