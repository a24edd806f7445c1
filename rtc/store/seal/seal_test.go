package seal

import (
	"bytes"
	"errors"
	"testing"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func make1(t *testing.T, k []byte, purpose string) *Seal {
	t.Helper()
	s, err := New(k, purpose)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeal(t *testing.T) {
	s := make1(t, key(1), "trunk password")
	const secret = "correct horse battery staple"
	sealed := s.Seal(secret, "berlin")
	if bytes.Contains(sealed, []byte("horse")) || bytes.Equal(sealed, s.Seal(secret, "berlin")) {
		t.Errorf("% x", sealed)
	}
	if got, err := make1(t, key(1), "trunk password").Open(sealed, "berlin"); got != secret || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := s.Open(s.Seal("", ""), ""); got != "" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for name, c := range map[string]struct {
		seal   *Seal
		sealed []byte
		owner  string
	}{
		"another key":     {make1(t, key(2), "trunk password"), sealed, "berlin"},
		"another purpose": {make1(t, key(1), "webhook"), sealed, "berlin"},
		"another owner":   {s, sealed, "paris"},
		"another version": {s, append([]byte{9}, sealed[1:]...), "berlin"},
		"cut":             {s, sealed[:len(sealed)-1], "berlin"},
		"empty":           {s, nil, "berlin"},
	} {
		if got, err := c.seal.Open(c.sealed, c.owner); got != "" || !errors.Is(err, ErrSeal) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for i := range sealed {
		damaged := bytes.Clone(sealed)
		damaged[i] ^= 1
		if _, err := s.Open(damaged, "berlin"); !errors.Is(err, ErrSeal) {
			t.Errorf("octet %d: %v", i, err)
		}
	}
	if _, err := New([]byte("short"), "x"); err == nil {
		t.Error("a short key was taken")
	}
}
