// Package phonebook writes phonebooks, each in the XML of the maker whose phones read it.
// It does not decide who stands in them.
package phonebook

import "encoding/xml"

// Entry is a person in a phonebook.
type Entry struct{ Name, Number string }

// Max bounds a phonebook: phones hold few.
const Max = 1000

// Write writes a phonebook in the form of a family, at most Max entries of it. A family
// without a form of its own gets Cisco's, which many phones read.
func Write(family string, entries []Entry) ([]byte, error) {
	b, err := xml.MarshalIndent(shelf(family, entries[:min(len(entries), Max)]), "", "  ")
	return append([]byte(xml.Header), b...), err
}

// shelf is a phonebook as the makers write it.
func shelf(family string, entries []Entry) any {
	switch family {
	case "polycom":
		return polycomBook(entries)
	case "grandstream":
		return grandstreamBook(entries)
	case "snom":
		return snomBook(entries)
	case "gigaset":
		return gigasetBook(entries)
	case "cisco-7960", "cisco-enterprise", "cisco-spa":
		return entryBook("CiscoIPPhoneDirectory", entries[:min(len(entries), maxCisco)])
	case "yealink":
		return entryBook("YealinkIPPhoneDirectory", entries)
	case "fanvil":
		return entryBook("FanvilIPPhoneDirectory", entries)
	}
	return entryBook("CiscoIPPhoneDirectory", entries)
}

// maxCisco is how many entries these phones can show. A longer list they do not show at all.
const maxCisco = 32

type bookEntry struct {
	Name      string `xml:"Name"`
	Telephone string `xml:"Telephone"`
}

type bookOfEntries struct {
	XMLName xml.Name
	Title   string      `xml:"Title,omitempty"`
	Entries []bookEntry `xml:"DirectoryEntry"`
}

func entryBook(root string, entries []Entry) bookOfEntries {
	b := bookOfEntries{XMLName: xml.Name{Local: root}, Title: "Directory"}
	for _, e := range entries {
		b.Entries = append(b.Entries, bookEntry{e.Name, e.Number})
	}
	return b
}

type polycomItem struct {
	LastName string `xml:"ln"`
	Contact  string `xml:"ct"`
}

type polycomDirectory struct {
	XMLName xml.Name      `xml:"directory"`
	Items   []polycomItem `xml:"item_list>item"`
}

func polycomBook(entries []Entry) (b polycomDirectory) {
	for _, e := range entries {
		b.Items = append(b.Items, polycomItem{e.Name, e.Number})
	}
	return b
}

type grandstreamContact struct {
	LastName string `xml:"LastName"`
	Number   string `xml:"Phone>phonenumber"`
	Account  int    `xml:"Phone>accountindex"`
}

type grandstreamDirectory struct {
	XMLName  xml.Name             `xml:"AddressBook"`
	Contacts []grandstreamContact `xml:"Contact"`
}

func grandstreamBook(entries []Entry) (b grandstreamDirectory) {
	for _, e := range entries {
		b.Contacts = append(b.Contacts, grandstreamContact{e.Name, e.Number, 0})
	}
	return b
}

// snomItem has a number: an entry replaces the one that had its number before.
type snomItem struct {
	Context string `xml:"context,attr"`
	Type    string `xml:"type,attr"`
	Index   int    `xml:"index,attr"`
	Name    string `xml:"name"`
	Number  string `xml:"number"`
}

type snomDirectory struct {
	XMLName  xml.Name   `xml:"tbook"`
	E        string     `xml:"e,attr"`
	Complete bool       `xml:"complete,attr"` // it replaces the whole list that the phone has
	Items    []snomItem `xml:"item"`
}

func snomBook(entries []Entry) snomDirectory {
	b := snomDirectory{E: "2", Complete: true}
	for i, e := range entries {
		b.Items = append(b.Items, snomItem{"active", "none", i, e.Name, e.Number})
	}
	return b
}

type gigasetEntry struct {
	ID       int    `xml:"id,attr"`
	LastName string `xml:"ln"`
	Home     string `xml:"hm"`
}

// gigasetList is all of a phonebook, whatever part of it the base station asks for.
type gigasetList struct {
	XMLName  xml.Name       `xml:"list"`
	Response string         `xml:"response,attr"`
	Type     string         `xml:"type,attr"`
	Total    int            `xml:"total,attr"`
	First    int            `xml:"first,attr"`
	Last     int            `xml:"last,attr"`
	Entries  []gigasetEntry `xml:"entry"`
}

func gigasetBook(entries []Entry) gigasetList {
	b := gigasetList{Response: "get_list", Type: "pr", Total: len(entries), First: min(1, len(entries)), Last: len(entries)}
	for i, e := range entries {
		b.Entries = append(b.Entries, gigasetEntry{i + 1, e.Name, e.Number})
	}
	return b
}
