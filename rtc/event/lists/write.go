package lists

import (
	"bytes"
	"encoding/xml"
	"strconv"
)

// The media types that a NOTIFY of a list is made of, beside those of its members.
const (
	Related = "multipart/related"
	Meta    = "application/rlmi+xml"
)

// Resource is a member as a NOTIFY tells of it.
type Resource struct {
	Entry
	ID            int    // of its instance: the same in all documents of the subscription
	Told          bool   // with its state; else only that it is in the list
	State, Reason string // of the subscription to it (RFC 4662 §5.5)
	Type          string // of Body
	Body          []byte // what it is like, nil: nothing
}

// Document is what a NOTIFY tells of a list.
type Document struct {
	URI      string // of the list
	Version  uint32 // from 0, one more each time
	Whole    bool   // it names all members: who is not in it is in the list no more
	Boundary string // in none of the bodies
}

// Write makes the multipart document (RFC 4662 §5), and its media type.
func (d Document) Write(resources []Resource) (mediaType string, body []byte) {
	var out bytes.Buffer
	out.Grow(d.room(resources))
	d.part(&out, 0, Meta+`;charset="UTF-8"`)
	d.meta(&out, resources)
	out.WriteString("\r\n")
	for i := range resources {
		if r := &resources[i]; r.Told && len(r.Body) > 0 {
			d.part(&out, r.ID, r.Type)
			out.Write(r.Body)
			out.WriteString("\r\n")
		}
	}
	out.WriteString("--" + d.Boundary + "--\r\n")
	return Related + `;type="` + Meta + `";start="<0@` + d.Boundary + `>";boundary="` + d.Boundary + `"`, out.Bytes()
}

func (d Document) room(resources []Resource) int {
	n := 512
	for i := range resources {
		if r := &resources[i]; r.Told {
			n += len(r.Body) + Overhead
		}
		n += resources[i].Named()
	}
	return n
}

// Overhead is how many octets a member takes that is told, beside Named and its
// body, with a boundary of usual length.
const Overhead = 280

// Named is how many octets it takes to name a member, escapes aside.
func (e Entry) Named() int {
	n := len(`<resource uri=""></resource>`) + len(e.URI)
	if e.Name != "" {
		n += len(`<name></name>`) + len(e.Name)
	}
	return n
}

func (d Document) part(out *bytes.Buffer, id int, kind string) {
	out.WriteString("--" + d.Boundary + "\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <" + strconv.Itoa(id) + "@" + d.Boundary + ">\r\nContent-Type: " + kind + "\r\n\r\n")
}

// meta writes the list of resources (RFC 4662 §5.1).
func (d Document) meta(out *bytes.Buffer, resources []Resource) {
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="`)
	_ = xml.EscapeText(out, []byte(d.URI)) // a buffer takes everything
	out.WriteString(`" version="` + strconv.FormatUint(uint64(d.Version), 10) + `" fullState="` + strconv.FormatBool(d.Whole) + `">`)
	for i := range resources {
		d.resource(out, &resources[i])
	}
	out.WriteString("</list>")
}

func (d Document) resource(out *bytes.Buffer, r *Resource) {
	out.WriteString(`<resource uri="`)
	_ = xml.EscapeText(out, []byte(r.URI))
	out.WriteString(`">`)
	if r.Name != "" {
		out.WriteString("<name>")
		_ = xml.EscapeText(out, []byte(r.Name))
		out.WriteString("</name>")
	}
	if r.Told {
		out.WriteString(`<instance id="` + strconv.Itoa(r.ID) + `" state="` + r.State + `"`)
		if r.Reason != "" {
			out.WriteString(` reason="` + r.Reason + `"`)
		}
		if len(r.Body) > 0 {
			out.WriteString(` cid="` + strconv.Itoa(r.ID) + "@" + d.Boundary + `"`)
		}
		out.WriteString("/>")
	}
	out.WriteString("</resource>")
}
