package dialect

import (
	"reflect"
	"testing"
)

// Every dialect says something in every field, in words that are known, and each
// tells people what it is.
func TestDialects(t *testing.T) {
	for _, name := range Names() {
		d, ok := Of(name)
		if !ok || d.About == "" {
			t.Errorf("%s: %v %+v", name, ok, d)
		}
		if err := d.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		v := reflect.ValueOf(d.Manner)
		for i := range v.NumField() {
			if v.Field(i).String() == "" {
				t.Errorf("%s says nothing of %s", name, v.Type().Field(i).Name)
			}
		}
	}
	if d, ok := Of(""); !ok || d.Name != Generic {
		t.Errorf("no name is %+v", d)
	}
	if _, ok := Of("morse"); ok {
		t.Error("there is a dialect nobody speaks")
	}
}

func TestCheckNamesTheWords(t *testing.T) {
	for _, m := range []Manner{{Format: "x"}, {CallerID: "x"}, {UserPhone: "x"}, {Reliable: "x"}, {Early: "x"}, {Keys: "x"},
		{Diversion: "x"}, {Media: "x"}, {Probe: "x"}, {Redirects: "x"}, {Ported: "x"}} {
		if err := m.Check(); err == nil {
			t.Errorf("%+v is let through", m)
		}
	}
	err := Manner{Media: "x"}.Check()
	if want := `media "x": use off, prefer, require`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestOwnWordsCountMore(t *testing.T) {
	d, _ := Of("cisco-ios")
	m := Manner{CallerID: CallerAsserted}.Or(d.Manner)
	if m.CallerID != CallerAsserted || m.Format != FormatDigits || m.Probe != ProbeOptions {
		t.Errorf("%+v", m)
	}
}
