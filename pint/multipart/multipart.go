// Package multipart takes the body of a PINT request apart: the session
// description, and what the request brings along for it, which the description
// names by spr: and Content-ID (RFC 2848 §3.5.1).
package multipart

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"tandem/rtc/sip"
)

// Bounds of a body.
const (
	maxOctets = 1 << 20
	maxParts  = 16
)

// Errors of Split. What is returned wraps one of them.
var (
	ErrType      = errors.New("the body is not a session description") // 415
	ErrTooLarge  = errors.New("the body is too large")                 // 413
	ErrMalformed = errors.New("the body is malformed")                 // 400
)

// Body is the body of a request.
type Body struct {
	Description []byte
	parts       []part
}

type part struct {
	id, media string
	content   []byte
}

// Split reads a body by its Content-Type. Any multipart is taken; the first part is
// the description.
func Split(contentType, body []byte) (*Body, error) {
	kind := sip.ParseParted(contentType)
	switch {
	case len(body) > maxOctets:
		return nil, fmt.Errorf("%w: %d octets are taken at most; send a reference (uri:) instead", ErrTooLarge, maxOctets)
	case sip.EqualFold(kind.Value, "application/sdp"):
		return &Body{Description: body}, nil
	case !isMultipart(kind.Value):
		return nil, fmt.Errorf("%w but %.40s: send application/sdp, or multipart/related with it first", ErrType, kind.Value)
	}
	var b Body
	n := 0
	for p := range sip.Multipart(contentType, body) {
		if n++; n > maxParts {
			return nil, fmt.Errorf("%w: it has more than %d parts", ErrTooLarge, maxParts)
		}
		p = mended(p)
		media := strings.ToLower(string(p.Type().Value))
		if n == 1 {
			if media != "application/sdp" {
				return nil, fmt.Errorf("%w: the first part is %.40s: it must be application/sdp", ErrType, media)
			}
			b.Description = p.Body
			continue
		}
		id := bare(string(p.Get("Content-ID")))
		if id == "" {
			return nil, fmt.Errorf("%w: part %d has no Content-ID: name it, and let spr: refer to it", ErrMalformed, n)
		}
		if _, _, twice := b.Part(id); twice {
			return nil, fmt.Errorf("%w: two parts have the Content-ID %.60s", ErrMalformed, id)
		}
		b.parts = append(b.parts, part{id, media, p.Body})
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: it has no part between lines of its boundary", ErrMalformed)
	}
	return &b, nil
}

// Part finds what an spr: names; the angle brackets of a Content-ID do not count.
func (b *Body) Part(id string) (media string, content []byte, ok bool) {
	for _, p := range b.parts {
		if p.id == bare(id) {
			return p.media, p.content, true
		}
	}
	return "", nil, false
}

// Unnamed is the Content-ID of a part that is not among names, "" when all are.
func (b *Body) Unnamed(names map[string]bool) string {
	for _, p := range b.parts {
		if !names[p.id] {
			return p.id
		}
	}
	return ""
}

func bare(id string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(id), "<"), ">")
}

func isMultipart(t []byte) bool {
	return len(t) > 10 && sip.EqualFold(t[:10], "multipart/")
}

// mended is a part whose description begins without an empty line before it, as in
// examples 4.5 and 4.7 of RFC 2848.
func mended(p sip.Part) sip.Part {
	for at := 0; at < len(p.Header); {
		line := p.Header[at:]
		if bytes.HasPrefix(line, []byte("v=0")) {
			return sip.Part{Header: p.Header[:at], Body: append(append([]byte(nil), line...), append([]byte("\r\n\r\n"), p.Body...)...)}
		}
		n := bytes.IndexByte(line, '\n')
		if n < 0 {
			break
		}
		at += n + 1
	}
	return p
}
