package xcap

import "strings"

// Kind is why a change cannot be made (RFC 4825 §11).
type Kind string

// The kinds, as the elements of an error document are called.
const (
	NotWellFormed Kind = "not-well-formed"
	NotFragment   Kind = "not-xml-frag"
	NoParent      Kind = "no-parent"
	Schema        Kind = "schema-validation-error"
	NotAttribute  Kind = "not-xml-att-value"
	CannotInsert  Kind = "cannot-insert"
	CannotDelete  Kind = "cannot-delete"
	Uniqueness    Kind = "uniqueness-failure"
	Constraint    Kind = "constraint-failure"
	NotUTF8       Kind = "not-utf-8"
)

// Fault is a change that cannot be made: what a 409 says.
type Fault struct {
	Kind     Kind
	Phrase   string // for people
	Ancestor string // of NoParent: the path to the closest ancestor that is there, "" none
	Field    string // of Uniqueness: the path to what is not unique
}

func (f *Fault) Error() string {
	if f.Phrase == "" {
		return string(f.Kind)
	}
	return string(f.Kind) + ": " + f.Phrase
}

// FaultType is the media type of Document.
const FaultType = "application/xcap-error+xml"

// Document is the body of a 409 (RFC 4825 §11).
func (f *Fault) Document() []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<xcap-error xmlns="urn:ietf:params:xml:ns:xcap-error"><` + string(f.Kind))
	if f.Phrase != "" {
		b.WriteString(` phrase="` + Escape(f.Phrase) + `"`)
	}
	switch {
	case f.Kind == NoParent && f.Ancestor != "":
		b.WriteString(`><ancestor>` + Escape(f.Ancestor) + `</ancestor></no-parent>`)
	case f.Kind == Uniqueness:
		b.WriteString(`><exists field="` + Escape(f.Field) + `"/></uniqueness-failure>`)
	default:
		b.WriteString(`/>`)
	}
	b.WriteString(`</xcap-error>`)
	return []byte(b.String())
}
