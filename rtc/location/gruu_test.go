package location

import (
	"testing"
	"time"

	"tandem/rtc/sip"
)

func TestTemporaryGRUU(t *testing.T) {
	g, err := NewGRUU(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewGRUU([]byte("another key that has 32 octets.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, instance := range []string{
		"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>",
		"<urn:uuid:F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6>", // comes back as spelled
		"<urn:uuid:not-a-uuid>", "<urn:imei:1>", "x",
	} {
		l := New(nil, quiet())
		d := draft("a", time.Hour)
		d.Instance = []byte(instance)
		l.Update(alice, func([]Binding) ([]Binding, error) { return []Binding{d.Binding()}, nil }, func([]Binding, error) {})
		text := g.AppendTemp(nil, alice, &l.Bindings(alice)[0])
		uri, perr := sip.ParseURI(text)
		if perr != nil {
			t.Fatalf("%s: %v", text, perr)
		}
		if aor, got, ok := g.Temp(l, uri); !ok || aor != alice || got != instance {
			t.Errorf("%s: %q %q %v", instance, aor, got, ok)
		}
		if _, _, ok := other.Temp(l, uri); ok {
			t.Error("read with another key")
		}
		uri.User[len(uri.User)-1] ^= 1
		if _, _, ok := g.Temp(l, uri); ok {
			t.Error("read though changed")
		}
	}
	if _, err := NewGRUU(nil); err == nil {
		t.Error("made without a key")
	}
}

func TestPublicGRUUEscapes(t *testing.T) {
	got := string(AppendPublic(nil, alice, `<urn:x:a;b="c">`))
	if want := "sip:alice@example.com;gr=urn:x:a%3Bb%3D%22c%22"; got != want {
		t.Errorf("got %s", got)
	}
	if _, err := sip.ParseURI([]byte(got)); err != nil {
		t.Error(err)
	}
}

func FuzzTemp(f *testing.F) {
	g, err := NewGRUU(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	l := New(nil, quiet())
	b := Binding{CallID: "1", Instance: "x"}
	f.Add(g.AppendTemp(nil, alice, &b))
	f.Fuzz(func(t *testing.T, text []byte) {
		if uri, err := sip.ParseURI(text); err == nil {
			if _, _, ok := g.Temp(l, uri); ok {
				t.Error("nobody is bound")
			}
		}
	})
}
