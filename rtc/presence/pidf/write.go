package pidf

import (
	"bytes"
	"encoding/xml"
	"strings"
	"time"
)

// head begins every document of ours.
const head = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

const spaces = ` xmlns="` + nsPIDF + `" xmlns:dm="` + nsDM + `" xmlns:rpid="` + nsRPID + `"`

// usual is how long a document is, as a rule, at most.
const usual = 1024

// Bytes is the document in XML. The same document is always the same octets.
func (d *Document) Bytes() []byte {
	var w writer
	w.Grow(usual)
	w.WriteString(head + `<presence` + spaces + ` entity="`)
	w.text(d.Entity)
	w.WriteString(`">`)
	d.children(&w, func(string, string) {})
	w.WriteString("</presence>\n")
	return w.Bytes()
}

// children writes those of the root element, and tells of each that it is written and
// what it is told by.
func (d *Document) children(w *writer, written func(name, id string)) {
	for i := range d.Tuples {
		w.tuple(&d.Tuples[i])
		written("tuple", d.Tuples[i].ID)
	}
	for _, n := range d.Notes {
		w.element("note", n)
		written("note", "")
	}
	if d.Person != nil {
		w.person(d.Person)
		written("dm:person", personID)
	}
	for i := range d.Devices {
		w.node(&d.Devices[i], nsPIDF)
		written("dm:device", d.Devices[i].attr("id"))
	}
}

// part is a child of the root element, and what it is told by.
type part struct {
	name, id string
	text     []byte
}

func (d *Document) parts() (list []part) {
	var w writer
	d.children(&w, func(name, id string) {
		list = append(list, part{name, id, bytes.Clone(w.Bytes())})
		w.Reset()
	})
	return list
}

const personID = "person"

type writer struct{ bytes.Buffer }

func (w *writer) text(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || strings.IndexByte(`"'&<>`, c) >= 0 {
			_ = xml.EscapeText(w, []byte(s)) // a buffer takes everything
			return
		}
	}
	w.WriteString(s) // nearly always
}

func (w *writer) element(name, text string) {
	w.all("<", name, ">")
	w.text(text)
	w.all("</", name, ">")
}

// all writes texts without putting them together first.
func (w *writer) all(texts ...string) {
	for _, t := range texts {
		w.WriteString(t)
	}
}

func (w *writer) tuple(t *Tuple) {
	w.WriteString(`<tuple id="`)
	w.text(t.ID)
	w.WriteString(`"><status>`)
	basic := "closed"
	if t.Open {
		basic = "open"
	}
	w.element("basic", basic)
	w.nodes(t.Status)
	w.WriteString(`</status>`)
	if t.Idle {
		w.element("rpid:user-input", "idle")
	}
	w.nodes(t.Extra)
	if t.Device != "" {
		w.element("dm:deviceID", t.Device)
	}
	if t.Contact != "" {
		w.WriteString("<contact")
		if t.Priority != "" {
			w.WriteString(` priority="`)
			w.text(t.Priority)
			w.WriteString(`"`)
		}
		w.WriteString(">")
		w.text(t.Contact)
		w.WriteString("</contact>")
	}
	for _, n := range t.Notes {
		w.element("note", n)
	}
	if !t.Since.IsZero() {
		w.element("timestamp", stamp(t.Since))
	}
	w.WriteString("</tuple>")
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (w *writer) person(p *Person) {
	w.WriteString(`<dm:person id="` + personID + `">`)
	if len(p.Activities) > 0 {
		w.WriteString("<rpid:activities>")
		for _, a := range p.Activities {
			w.all("<rpid:", a, "/>")
		}
		w.WriteString("</rpid:activities>")
	}
	if p.Idle {
		w.WriteString("<rpid:user-input")
		if !p.LastInput.IsZero() {
			w.WriteString(` last-input="` + stamp(p.LastInput) + `"`)
		}
		w.WriteString(">idle</rpid:user-input>")
	}
	w.nodes(p.Extra)
	for _, n := range p.Notes {
		w.element("dm:note", n)
	}
	if !p.Since.IsZero() {
		w.element("dm:timestamp", stamp(p.Since))
	}
	w.WriteString("</dm:person>")
}

func (w *writer) nodes(list []Node) {
	for i := range list {
		w.node(&list[i], nsPIDF)
	}
}

var prefixes = map[string]string{nsDM: "dm:", nsRPID: "rpid:"}

// node writes an element; space is the default namespace where it stands.
func (w *writer) node(n *Node, space string) {
	prefix, known := prefixes[n.Name.Space]
	w.all("<", prefix, n.Name.Local)
	if !known && n.Name.Space != space {
		w.WriteString(` xmlns="`)
		w.text(n.Name.Space)
		w.WriteString(`"`)
		space = n.Name.Space
	}
	for _, a := range n.Attr {
		if a.Name.Space == "" || a.Name.Space == "xml" || strings.HasSuffix(a.Name.Space, "/namespace") {
			prefix := ""
			if a.Name.Space != "" {
				prefix = "xml:"
			}
			w.all(" ", prefix, a.Name.Local, `="`)
			w.text(a.Value)
			w.WriteString(`"`)
		}
	}
	w.WriteString(">")
	w.text(n.Text)
	for i := range n.Nodes {
		w.node(&n.Nodes[i], space)
	}
	w.all("</", prefix, n.Name.Local, ">")
}
