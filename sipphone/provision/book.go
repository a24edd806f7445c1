package provision

import (
	"bytes"
	"context"
	"strings"

	"tandem/sipphone"
	"tandem/sipphone/phonebook"
)

// bookPath is where a phone gets its phonebook.
func bookPath(p sipphone.Phone) string { return "phonebook/" + string(p.MAC) + ".xml" }

func isBook(path string, mac sipphone.MAC) bool {
	return strings.EqualFold(path, bookPath(sipphone.Phone{MAC: mac})) || strings.EqualFold(path, string(mac)+"-directory.xml")
}

// book writes the phonebook in the form of the family.
func (d *Desk) book(ctx context.Context, a *asked) (*Document, error) {
	b, err := phonebook.Write(a.phone.Family, d.cfg.Book(ctx, *a.phone))
	if err != nil {
		return nil, errBusy
	}
	return &Document{ReadSeeker: bytes.NewReader(b), Name: "phonebook", Type: "text/xml"}, nil
}
