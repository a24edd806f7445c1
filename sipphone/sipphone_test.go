package sipphone

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParseMAC(t *testing.T) {
	for text, want := range map[string]MAC{
		"0004f2aabbcc": "0004f2aabbcc", "00:04:F2:AA:BB:CC": "0004f2aabbcc", "00-04-f2-aa-bb-cc": "0004f2aabbcc", "0004.f2aa.bbcc": "0004f2aabbcc",
		"": "", "0004f2aabbc": "", "0004f2aabbccd": "", "0004f2aabbcg": "", "ffffffffffff": "", "000000000000": "", "0104f2aabbcc": "",
		"../../etc/passwd": "", "0004f2aabbcc\x00": "",
	} {
		got, err := ParseMAC(text)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	m := MAC("0004f2aabbcc")
	if m.Upper() != "0004F2AABBCC" || m.Colons() != "00:04:f2:aa:bb:cc" || m.OUI() != "0004f2" {
		t.Errorf("%s %s %s", m.Upper(), m.Colons(), m.OUI())
	}
}

func TestParseDevice(t *testing.T) {
	m := MAC("0004f2aabbcc")
	if mac, line, ok := ParseDevice(m.Device(3)); mac != m || line != 3 || !ok {
		t.Errorf("%s %d %v", mac, line, ok)
	}
	for _, name := range []string{"", "phone-", "phone-0004f2aabbcc", "phone-0004f2aabbcc-0", "phone-0004f2aabbcc-17", "phone-0004F2AABBCC-1", "desk-0004f2aabbcc-1", "phone-0004f2aabbcc-x"} {
		if _, _, ok := ParseDevice(name); ok {
			t.Errorf("%q is read", name)
		}
	}
}

func TestCheck(t *testing.T) {
	good := Phone{MAC: "0004f2aabbcc", Timezone: "Europe/Berlin", Keys: []Key{{KeyLamp, "bob", "Bob"}}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Phone){
		"MAC":       func(p *Phone) { p.MAC = "x" },
		"time zone": func(p *Phone) { p.Timezone = "Nowhere" },
		"label":     func(p *Phone) { p.Label = "a\nb" },
		"kind":      func(p *Phone) { p.Keys = []Key{{"x", "bob", ""}} },
		"target":    func(p *Phone) { p.Keys = []Key{{KeyLamp, `bob"`, ""}} },
		"setting":   func(p *Phone) { p.Settings = map[string]string{"a": strings.Repeat("x", 200)} },
		"lines":     func(p *Phone) { p.Lines = make([]Line, MaxLines+1) },
		"keys":      func(p *Phone) { p.Keys = make([]Key, MaxKeys+1) },
	} {
		p := good
		spoil(&p)
		if err := p.Check(); err == nil {
			t.Errorf("a wrong %s passes", name)
		}
	}
}

func TestCSV(t *testing.T) {
	rows := []Row{{MAC: "00:04:f2:aa:bb:cc", Family: "polycom", Label: `a "b", c`, Lines: []string{"alice:A", "sales"}, Shared: []string{"sales"}, Keys: []string{"lamp:bob:Bob"}, Settings: map[string]string{"x": "1"}},
		{MAC: "001565000001", Settings: map[string]string{}}}
	var b bytes.Buffer
	if err := WriteCSV(&b, rows); err != nil {
		t.Fatal(err)
	}
	got, err := ReadCSV(&b)
	if err != nil || !reflect.DeepEqual(got, rows) {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = ReadCSV(strings.NewReader("\xef\xbb\xbfMAC;lines;keys\r\n0004f2aabbcc;alice | bob;\r\n"))
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0].Lines, []string{"alice", "bob"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "family\nx\n", "mac,colour\n0004f2aabbcc,red\n", "mac\nnot-one\n", "mac,keys\n0004f2aabbcc,lamp\n", "mac,settings\n0004f2aabbcc,x\n", "mac\n\"0004"} {
		if rows, err := ReadCSV(strings.NewReader(bad)); err == nil {
			t.Errorf("%q: %+v", bad, rows)
		}
	}
}

// FuzzParseMAC: what is read is twelve digits, and reads the same again.
func FuzzParseMAC(f *testing.F) {
	f.Add("00:04:f2:aa:bb:cc")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMAC(s)
		if err != nil {
			return
		}
		if again, err := ParseMAC(m.Colons()); again != m || err != nil || len(m) != 12 {
			t.Errorf("%q: %q, then %q, %v", s, m, again, err)
		}
	})
}

// FuzzCSV: what is read is written and read the same.
func FuzzCSV(f *testing.F) {
	f.Add("mac;lines;keys\n0004f2aabbcc;alice|bob;lamp:bob:Bob\n")
	f.Add("mac,settings\n0004f2aabbcc,a=b|c=d\n")
	f.Fuzz(func(t *testing.T, s string) {
		rows, err := ReadCSV(strings.NewReader(s))
		if err != nil || len(rows) == 0 {
			return
		}
		var b bytes.Buffer
		if err := WriteCSV(&b, rows); err != nil {
			t.Fatal(err)
		}
		if again, err := ReadCSV(&b); err != nil || len(again) != len(rows) {
			t.Errorf("%q: %v", s, err)
		}
	})
}
