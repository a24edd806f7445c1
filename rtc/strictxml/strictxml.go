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
	if err := Check(b); err != nil {
		return err
	}
	if err := xml.Unmarshal(b, v); err != nil {
		return fmt.Errorf("reading XML: %w", err)
	}
	return nil
}

// Check reads a document without keeping anything of it.
func Check(b []byte) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	depth, elements := 0, 0
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading XML: %w", err)
		}
		switch t := t.(type) {
		case xml.Directive:
			return errDirective
		case xml.ProcInst:
			if t.Target != "xml" || elements > 0 {
				return errProcInst
			}
		case xml.StartElement:
			elements++
			if depth++; depth > MaxDepth {
				return errDeep
			}
			if elements > MaxElements {
				return errMany
			}
		case xml.EndElement:
			depth--
		}
	}
}
