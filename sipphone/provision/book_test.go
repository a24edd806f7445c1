package provision

import "testing"

// TestBookOf: only a whole path of a phonebook is one; its secret is not in what is logged.
func TestBookOf(t *testing.T) {
	const mac = "001565000001"
	if got, word, ok := bookOf(bookPath(mac, "abc")); got != mac || word != "abc" || !ok {
		t.Errorf("%q %q %v", got, word, ok)
	}
	for _, path := range []string{"phonebook/001565000001/phonebook.xml", "phonebook/001565000001//phonebook.xml", "phonebook/nobody/abc/phonebook.xml",
		"phonebook/001565000001/abc/def/phonebook.xml", "phonebook/001565000001/abc/other.xml", "x/phonebook/001565000001/abc/phonebook.xml", "phonebook/", ""} {
		if _, word, ok := bookOf(path); ok {
			t.Errorf("%q opens with %q", path, word)
		}
	}
	a := &asked{Request: Request{Path: "/" + bookPath(mac, "abc")}, path: bookPath(mac, "abc")}
	a.hideBook()
	if a.mac != mac || a.word != "abc" || a.path != "phonebook/001565000001/phonebook.xml" || a.Path != "/phonebook/001565000001/phonebook.xml" || !a.isBook() {
		t.Errorf("%+v", a)
	}
}
