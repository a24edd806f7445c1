package device

import (
	"strings"
	"testing"

	"tandem/interop/behaviour"
)

func TestDialects(t *testing.T) {
	all, err := Dialects()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != devices {
		t.Errorf("%d devices, want %d", len(all), devices)
	}
	known := map[string]bool{}
	for _, n := range behaviour.Names() {
		known[n] = true
	}
	for _, d := range all[1:] {
		if !known[d.Family] {
			t.Errorf("%s is of the family %q, which there is not", d.Name, d.Family)
		}
	}
}

// devices is how many there are, plain among them.
const devices = 27

func TestRender(t *testing.T) {
	got := render("A: {user}\n{routes}\n{credentials}\nB: {cseq} {method}\n\n{body}\n", func(n string) string {
		return map[string]string{"user": "u", "credentials": "X: y", "cseq": "1", "method": "BYE", "body": "v=0\r\n"}[n]
	})
	if want := "A: u\r\nX: y\r\nB: 1 BYE\r\n\r\nv=0\r\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestDialectsSayWhatIsWrong(t *testing.T) {
	d := Dialect{Title: "T", Role: behaviour.Phone, Evidence: []behaviour.Evidence{behaviour.Trace}, Over: []string{"udp"}, Via: "{nonsense}"}
	if err := d.check(); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("%v", err)
	}
}
