package provision

import (
	"bytes"
	"context"
	"strings"

	"tandem/sipphone"
	"tandem/sipphone/phonebook"
)

// books is the folder of phonebooks, and bookName the name of each. The name is fixed:
// Grandstream is told the folder, and adds the name by itself.
const (
	books    = "phonebook/"
	bookName = "/phonebook.xml"
)

// bookPath is where a phone reads its phonebook, whenever somebody presses the key for it.
// Most phones cannot send a password then, so the path holds a secret of that phone, good
// for its phonebook alone.
func bookPath(mac sipphone.MAC, word string) string {
	return books + string(mac) + "/" + word + bookName
}

// bookOf reads a path made by bookPath.
func bookOf(path string) (mac sipphone.MAC, word string, ok bool) {
	rest, ok := strings.CutPrefix(path, books)
	if !ok {
		return "", "", false
	}
	inner, ok := strings.CutSuffix(rest, bookName)
	text, word, two := strings.Cut(inner, "/")
	mac, err := sipphone.ParseMAC(text)
	return mac, word, ok && two && err == nil && word != "" && !strings.Contains(word, "/")
}

// hideBook takes the secret out of the path of a phonebook and keeps it in word, because
// paths are logged.
func (a *asked) hideBook() {
	mac, word, ok := bookOf(a.path)
	if !ok {
		return
	}
	a.mac, a.word = mac, word
	a.path = books + string(mac) + bookName
	a.Path = "/" + a.path
}

func (a *asked) isBook() bool {
	return a.path == books+string(a.mac)+bookName || strings.EqualFold(a.path, string(a.mac)+"-directory.xml")
}

// book writes the phonebook in the form of the family.
func (d *Desk) book(ctx context.Context, a *asked) (*Document, error) {
	if err := d.prove(a); err != nil {
		return nil, err
	}
	d.note(a)
	b, err := phonebook.Write(a.phone.Family, d.cfg.Book(ctx, *a.phone))
	if err != nil {
		return nil, errBusy
	}
	return &Document{ReadSeeker: bytes.NewReader(b), Name: "phonebook", Type: "text/xml"}, nil
}
