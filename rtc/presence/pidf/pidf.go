// Package pidf holds presence documents: PIDF (RFC 3863) with the data model of
// person, services and devices (RFC 4479) and rich presence (RFC 4480). It reads
// those of others and writes ours; what it does not know it carries along.
package pidf

import (
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"time"

	"tandem/rtc/strictxml"
)

// Type is the media type of a document.
const Type = "application/pidf+xml"

// Namespaces.
const (
	nsPIDF = "urn:ietf:params:xml:ns:pidf"
	nsDM   = "urn:ietf:params:xml:ns:pidf:data-model"
	nsRPID = "urn:ietf:params:xml:ns:pidf:rpid"
)

// Document is what is known of somebody.
type Document struct {
	Entity  string // his address, as a URI
	Tuples  []Tuple
	Person  *Person // nil: nothing is said of him
	Devices []Node  // as published
	Notes   []string
}

// Tuple is a service: a way to reach him (RFC 3863 §4.1.2).
type Tuple struct {
	ID       string
	Open     bool
	Contact  string
	Priority string // "0" to "1", "" not said
	Device   string // deviceID
	Notes    []string
	Since    time.Time // timestamp
	Idle     bool      // user-input idle, of the service
	Extra    []Node
	Status   []Node // within status, besides basic
}

// Person is he himself (RFC 4479 §3.2, RFC 4480).
type Person struct {
	Activities []string // "away", "on-the-phone", … as element names of RFC 4480 §3.2
	Notes      []string
	Idle       bool      // user-input says so
	LastInput  time.Time // of user-input
	Since      time.Time // timestamp
	Extra      []Node
}

// Node is an element of XML whose meaning is not known here.
type Node struct {
	Name  xml.Name
	Attr  []xml.Attr
	Nodes []Node
	Text  string
}

// UnmarshalXML implements xml.Unmarshaler.
func (n *Node) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	n.Name = start.Name
	for _, a := range start.Attr {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			n.Attr = append(n.Attr, a)
		}
	}
	var text strings.Builder
	for {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			var child Node
			if err := child.UnmarshalXML(d, t); err != nil {
				return err
			}
			n.Nodes = append(n.Nodes, child)
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			n.Text = strings.TrimSpace(text.String())
			return nil
		}
	}
}

func (n *Node) attr(name string) string {
	for _, a := range n.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (n *Node) is(space, local string) bool { return n.Name.Space == space && n.Name.Local == local }

// Errors of Parse.
var (
	errRoot   = errors.New("it is not a presence document")
	errEntity = errors.New("the document does not say whose presence it is (entity)")
	errTwice  = errors.New("two tuples have the same id")
)

// Parse reads a document. It is refused when it has a document type, is nested
// too deep or is not PIDF.
func Parse(b []byte) (*Document, error) {
	root, ok := plain(b)
	if !ok {
		root = Node{}
		if err := strictxml.Decode(b, &root); err != nil {
			return nil, err
		}
	}
	if !root.is(nsPIDF, "presence") {
		return nil, errRoot
	}
	d := &Document{Entity: root.attr("entity")}
	if d.Entity == "" {
		return nil, errEntity
	}
	seen := make(map[string]bool)
	for i := range root.Nodes {
		n := &root.Nodes[i]
		switch {
		case n.is(nsPIDF, "tuple"):
			t := readTuple(n)
			if seen[t.ID] {
				return nil, errTwice
			}
			seen[t.ID] = true
			d.Tuples = append(d.Tuples, t)
		case n.is(nsPIDF, "note"):
			d.Notes = append(d.Notes, n.Text)
		case n.is(nsDM, "person"):
			d.person(n)
		case n.is(nsDM, "device"):
			d.Devices = append(d.Devices, *n)
		}
	}
	return d, nil
}

func readTuple(n *Node) Tuple {
	t := Tuple{ID: n.attr("id")}
	for i := range n.Nodes {
		c := &n.Nodes[i]
		switch {
		case c.is(nsPIDF, "status"):
			for j := range c.Nodes {
				if s := &c.Nodes[j]; s.is(nsPIDF, "basic") {
					t.Open = s.Text == "open"
				} else {
					t.Status = append(t.Status, *s)
				}
			}
		case c.is(nsPIDF, "contact"):
			t.Contact, t.Priority = c.Text, c.attr("priority")
		case c.is(nsPIDF, "note"):
			t.Notes = append(t.Notes, c.Text)
		case c.is(nsPIDF, "timestamp"):
			t.Since = readTime(c.Text)
		case c.is(nsDM, "deviceID"):
			t.Device = c.Text
		case c.is(nsRPID, "user-input"):
			t.Idle = c.Text == "idle"
		default:
			t.Extra = append(t.Extra, *c)
		}
	}
	return t
}

// person reads the person element. Several, of one publication, are joined.
func (d *Document) person(n *Node) {
	if d.Person == nil {
		d.Person = &Person{}
	}
	p := d.Person
	for i := range n.Nodes {
		c := &n.Nodes[i]
		switch {
		case c.is(nsRPID, "activities"):
			for j := range c.Nodes {
				switch a := &c.Nodes[j]; {
				case a.is(nsRPID, "note"), a.is(nsPIDF, "note"):
					p.Notes = append(p.Notes, a.Text)
				case a.Name.Space == nsRPID && !slices.Contains(p.Activities, a.Name.Local):
					p.Activities = append(p.Activities, a.Name.Local)
				}
			}
		case c.is(nsRPID, "user-input"):
			p.Idle = c.Text == "idle"
			p.LastInput = readTime(c.attr("last-input"))
		case c.is(nsDM, "note"):
			p.Notes = append(p.Notes, c.Text)
		case c.is(nsDM, "timestamp"):
			p.Since = readTime(c.Text)
		default:
			p.Extra = append(p.Extra, *c)
		}
	}
}

func readTime(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s)
	return t
}
