package sdp

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// examples are the descriptions of RFC 2848 §4, by section.
func examples(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../testdata/rfc2848-*.txt")
	if err != nil || len(files) != 14 {
		t.Fatalf("%d example files, %v", len(files), err)
	}
	out := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(b), "\nv=0")
		text, _, _ = strings.Cut(text, "\n--")
		out[strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "rfc2848-"), ".txt")] = "v=0" + text
	}
	return out
}

// What the RFC prints is read, and what is written of it is read alike.
func TestExamples(t *testing.T) {
	for name, text := range examples(t) {
		d, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
			continue
		}
		m := &d.Media[0]
		a := d.Of(m)
		if a == nil || a.Net != "TN" || a.Type != "RFC2543" || a.Value == "" || m.Port != 1 {
			t.Errorf("%s: address %v of %+v", name, a, m)
		}
		for _, f := range m.Formats {
			if s, err := m.Sources(f); err != nil || len(s) == 0 {
				t.Errorf("%s: format %s: %v, %v", name, f, s, err)
			}
		}
		if y := d.StartTime().Year(); y != 1974 {
			t.Errorf("%s starts in %d", name, y)
		}
		written := d.Append(nil)
		again, err := Parse(written)
		if err != nil || !reflect.DeepEqual(d, again) {
			t.Errorf("%s: written and read again it is\n%s%v", name, written, err)
		}
		if strings.Contains(string(written), "  ") || strings.Contains(string(written), "= ") {
			t.Errorf("%s: written with blanks the grammar has not:\n%s", name, written)
		}
	}
}

func TestSources(t *testing.T) {
	d, err := Parse([]byte(examples(t)["4.10"]))
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Media[0].Sources("octet-stream")
	want := []Source{{"uri", "http://www.bt.co.uk/imgs/pipr.gif"}, {"opr", ""}, {"spr", "2@53655768"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if d, err = Parse([]byte(examples(t)["4.12"])); err != nil {
		t.Fatal(err)
	}
	got, err = d.Media[0].Sources("x-files-id")
	if want := []Source{{"opr", "fbi.gov/jdcn-123@45:3des;base64,<signature>"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

const valid = "v=0\r\no=- 1 1 IN IP4 h\r\ns=R2C\r\nc=TN RFC2543 +1-2\r\nt=0 0\r\nm=audio 1 voice -\r\n"

func TestRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no version": strings.TrimPrefix(valid, "v=0\r\n"), "version 1": strings.Replace(valid, "v=0", "v=1", 1),
		"no origin": strings.Replace(valid, "o=- 1 1 IN IP4 h\r\n", "", 1), "short origin": strings.Replace(valid, " IN IP4 h", "", 1),
		"no medium": strings.Replace(valid, "m=audio 1 voice -\r\n", "", 1), "short medium": strings.Replace(valid, " voice -", "", 1),
		"port": strings.Replace(valid, "audio 1", "audio x", 1), "time": strings.Replace(valid, "t=0 0", "t=0", 1),
		"negative time": strings.Replace(valid, "t=0 0", "t=-1 0", 1), "huge time": strings.Replace(valid, "t=0 0", "t=9999999999999 0", 1),
		"short address": strings.Replace(valid, "RFC2543 ", "", 1), "line": valid + "nonsense\r\n", "letter": valid + "y=1\r\n",
		"many media": valid + strings.Repeat("m=audio 1 voice -\r\n", 20), "large": valid + strings.Repeat("a=x\r\n", 20000),
	} {
		if d, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s is taken: %+v", name, d)
		}
	}
	if _, err := Parse([]byte(valid)); err != nil {
		t.Error(err)
	}
}

func TestTimes(t *testing.T) {
	d, err := Parse([]byte(valid))
	if err != nil || !d.StartTime().IsZero() {
		t.Fatal(d.StartTime(), err)
	}
	at := time.Date(2027, 3, 28, 1, 30, 0, 0, time.UTC)
	d.SetTimes(at, at.Add(time.Hour))
	if d, err = Parse(d.Append(nil)); err != nil || !d.StartTime().Equal(at) || !d.StopTime().Equal(at.Add(time.Hour)) {
		t.Errorf("%v, %v, %v", d.StartTime(), d.StopTime(), err)
	}
}

func TestRequired(t *testing.T) {
	d, err := Parse([]byte("v=0\no=- 1 1 IN IP4 h\nc=TN RFC2543 17\na=require:lang\nm=audio 1 voice -\na=require:phone-context, clir\na=phone-context:+44\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Required(); !reflect.DeepEqual(got, []string{"lang", "phone-context", "clir"}) {
		t.Error(got)
	}
	if v, ok := d.Find(&d.Media[0], "Phone-Context"); v != "+44" || !ok {
		t.Error(v, ok)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range examples(f) {
		f.Add([]byte(text))
	}
	f.Add([]byte(valid))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			return
		}
		for i := range d.Media {
			for _, format := range d.Media[i].Formats {
				_, _ = d.Media[i].Sources(format)
			}
		}
		written := d.Append(nil)
		again, err := Parse(written)
		if err != nil {
			t.Fatalf("%v: %q was written of %q", err, written, b)
		}
		if twice := again.Append(nil); string(twice) != string(written) {
			t.Fatalf("%q, and again %q", written, twice)
		}
	})
}
