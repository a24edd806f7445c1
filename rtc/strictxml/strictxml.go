// Package strictxml reads XML that strangers send: it refuses document type
// declarations, and with them entities, processing instructions other than the
// first line, and documents that are too deep or have too many elements.
package strictxml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// Bounds of a document.
const (
	MaxDepth    = 32
	MaxElements = 20_000
)

var (
	errDirective = errors.New("document type declarations are not accepted")
	errProcInst  = errors.New("processing instructions are not accepted")
	errDeep      = fmt.Errorf("elements are nested more than %d deep", MaxDepth)
	errMany      = fmt.Errorf("there are more than %d elements", MaxElements)
)

// Decode reads all of a document into v, as xml.Unmarshal does.
func Decode(b []byte, v any) error {
	d := xml.NewTokenDecoder(&checked{d: xml.NewDecoder(bytes.NewReader(b))})
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("reading XML: %w", err)
	}
	for { // nothing may follow
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading XML: %w", err)
		}
	}
}

// checked hands on the elements of a document that is in bounds.
type checked struct {
	d               *xml.Decoder
	depth, elements int
}

// Token implements xml.TokenReader.
func (c *checked) Token() (xml.Token, error) {
	t, err := c.d.RawToken()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case xml.Directive:
		return nil, errDirective
	case xml.ProcInst:
		if t.Target != "xml" || c.elements > 0 {
			return nil, errProcInst
		}
	case xml.StartElement:
		c.elements++
		if c.depth++; c.depth > MaxDepth {
			return nil, errDeep
		}
		if c.elements > MaxElements {
			return nil, errMany
		}
	case xml.EndElement:
		c.depth--
	}
	return t, nil
}
