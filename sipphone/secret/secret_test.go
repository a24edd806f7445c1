package secret

import (
	"bytes"
	"strings"
	"testing"

	"tandem/sipphone"
)

// TestSecrets: each phone, line, user and generation has its own, the same each
// time, and it fits phones that hold 31 characters.
func TestSecrets(t *testing.T) {
	k, err := New(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := New(bytes.Repeat([]byte{2}, 32))
	const mac = sipphone.MAC("0004f2aabbcc")
	list := []string{k.Line(mac, 1, 1, "sip:a@x"), k.Line(mac, 2, 1, "sip:a@x"), k.Line(mac, 1, 2, "sip:a@x"), k.Line(mac, 1, 1, "sip:b@x"),
		k.Line("0004f2aabbcd", 1, 1, "sip:a@x"), other.Line(mac, 1, 1, "sip:a@x"), k.Files(mac, 1), k.Files(mac, 2), k.Book(mac, 1), k.Book(mac, 2)}
	seen := make(map[string]bool)
	for _, s := range list {
		if seen[s] || len(s) != 26 || strings.Trim(s, "abcdefghijkmnopqrstuvwxyz2345679") != "" {
			t.Errorf("%q of %q", s, list)
		}
		seen[s] = true
	}
	if k.Line(mac, 1, 1, "sip:a@x") != list[0] {
		t.Error("it is another one the next time")
	}
	if !k.Opens(mac, 1, k.Files(mac, 1)) || k.Opens(mac, 1, k.Files(mac, 2)) || k.Opens(mac, 1, "") {
		t.Error("the wrong one opens, or the right one does not")
	}
	if !k.OpensBook(mac, 1, k.Book(mac, 1)) || k.OpensBook(mac, 1, k.Book(mac, 2)) || k.OpensBook(mac, 1, k.Files(mac, 1)) || k.Opens(mac, 1, k.Book(mac, 1)) || k.OpensBook(mac, 1, "") {
		t.Error("the wrong one opens the phonebook, or the right one does not")
	}
	if _, err := New([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}
