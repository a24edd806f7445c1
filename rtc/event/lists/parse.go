package lists

import (
	"encoding/xml"
	"errors"

	"tandem/rtc/strictxml"
)

// Type is the media type of lists of resources (RFC 4826 §3).
const Type = "application/resource-lists+xml"

// resourceLists is such a document as far as it matters: what it refers to by
// URI elsewhere is left out.
type resourceLists struct {
	XMLName xml.Name      `xml:"urn:ietf:params:xml:ns:resource-lists resource-lists"`
	Lists   []resourceSet `xml:"list"`
}

type resourceSet struct {
	Lists   []resourceSet `xml:"list"`
	Entries []struct {
		URI  string `xml:"uri,attr"`
		Name string `xml:"display-name"`
	} `xml:"entry"`
}

// MaxEntries is how many members are read of one list.
const MaxEntries = 10_000

// Parse reads a list of resources, those in lists within it included.
func Parse(b []byte) ([]Entry, error) {
	var doc resourceLists
	if err := strictxml.Decode(b, &doc); err != nil {
		return nil, err
	}
	var list []Entry
	var walk func(sets []resourceSet)
	walk = func(sets []resourceSet) {
		for _, s := range sets {
			for _, e := range s.Entries {
				if e.URI != "" && len(list) < MaxEntries {
					list = append(list, Entry{URI: e.URI, Name: e.Name})
				}
			}
			walk(s.Lists)
		}
	}
	walk(doc.Lists)
	if len(list) == 0 {
		return nil, errors.New("the list has no entries")
	}
	return list, nil
}
