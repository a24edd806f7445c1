package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestDefaultsFile: what "tandem config defaults" prints is the defaults, every
// key of them, so that a file made from it changes nothing.
func TestDefaultsFile(t *testing.T) {
	text, err := DefaultsYAML()
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	if err := yaml.UnmarshalWithOptions([]byte(text), &got, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	want := Default()
	a, b := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range a.NumField() {
		x, y := a.Field(i), b.Field(i)
		if x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0 {
			continue // an empty list and none are the same
		}
		if x.Kind() == reflect.Struct {
			equalFields(t, a.Type().Field(i).Tag.Get("yaml")+".", x, y)
		} else if !reflect.DeepEqual(x.Interface(), y.Interface()) {
			t.Errorf("%s: the file has %v, Default %v", a.Type().Field(i).Tag.Get("yaml"), x, y)
		}
	}
	if err := want.Check(); err != nil {
		t.Errorf("the defaults have faults: %v", err)
	}
}

func equalFields(t *testing.T, prefix string, a, b reflect.Value) {
	for i := range a.NumField() {
		x, y, key := a.Field(i), b.Field(i), prefix+a.Type().Field(i).Tag.Get("yaml")
		if x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0 {
			continue
		}
		if !reflect.DeepEqual(x.Interface(), y.Interface()) {
			t.Errorf("%s: the file has %v, Default %v", key, x, y)
		}
	}
}

// TestFaultsNameTheirPlace: line and column, and a remedy.
func TestFaultsNameTheirPlace(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"domains: []", ":1:10: domains: empty; name at least one"},
		{"domains: [a.test]\nlisten:\n  - {proto: udp, addr: \"127.0.0.1:5060\"}\n  - {proto: dccp, addr: \"127.0.0.1:5060\"}\n", `:4:13: listen[1].proto: "dccp" is unknown; use udp`},
		{"log: {level: loud}\n", `:1:14: log.level: "loud" is unknown; use debug`},
		{"auth:\n  algorithms: [MD4]\n", `:2:15: auth.algorithms: "MD4" is unknown; use`},
		{"listen: [{proto: udp, addr: \"127.0.0.1:5060\", trusted: [nobody]}]", `"nobody" is not an address or CIDR`},
		{"limits: {conections: 5}", `:1:10: unknown key "conections"; did you mean "connections"?`},
		{"registrar: {max_bindings: 0}", ":1:27: registrar.max_bindings: has 0; must be at least 1, e.g. 10"},
	} {
		path := filepath.Join(t.TempDir(), "tandem.yaml")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if err == nil || !strings.HasPrefix(err.Error(), path+":") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v\nwant %q", c.text, err, c.says)
		}
	}
}

func TestNearestKey(t *testing.T) {
	list := names(reflect.TypeFor[Config](), nil)
	for wrong, want := range map[string]string{"domain": "domains", "Listen": "listen", "adr": "addr", "nonce_live": "nonce_life", "cert": "certificate", "maxbindings": "max_bindings", "frobnicate": ""} {
		if got := nearest(wrong, list); got != want {
			t.Errorf("%q: %q, want %q", wrong, got, want)
		}
	}
	for _, c := range []struct {
		a, b string
		n    int
	}{{"", "", 0}, {"a", "", 1}, {"kitten", "sitting", 3}, {"listen", "listen", 0}} {
		if n := distance(c.a, c.b); n != c.n {
			t.Errorf("%q %q: %d, want %d", c.a, c.b, n, c.n)
		}
	}
}
