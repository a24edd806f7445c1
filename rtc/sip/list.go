package sip

import (
	"bytes"
	"iter"
)

// nextElement finds the list element that starts at pos: commas part elements
// outside quoted strings and angle brackets. It returns the element without
// surrounding blanks (empty for an empty one) and where to go on, len(v) at the
// end. Quotes and brackets that do not close reach to the end of v.
func nextElement(v []byte, pos int) (span, int) {
	pos = skipBlanks(v, pos)
	end, next := len(v), len(v)
	if bytes.IndexByte(v[pos:], ',') >= 0 { // seldom: without a comma the rest is one element, whatever it holds
		end = elementEnd(v, pos)
		next = min(end+1, len(v))
	}
	for end > pos && isBlank(v[end-1]) {
		end--
	}
	return span{uint32(pos), uint32(end)}, next
}

// elementEnd is the offset of the comma that ends the element at i, len(v) without one.
func elementEnd(v []byte, i int) int {
	for i < len(v) && v[i] != ',' {
		switch v[i] {
		case '"':
			if i = skipQuoted(v, i); i < 0 {
				return len(v)
			}
			continue
		case '<':
			for i < len(v) && v[i] != '>' {
				i++
			}
			continue
		}
		i++
	}
	return i
}

// FirstElement is the first element of a list value, nil when it has none.
func FirstElement(v []byte) []byte {
	for pos := 0; pos < len(v); {
		var e span
		if e, pos = nextElement(v, pos); e.from < e.to {
			return v[e.from:e.to:e.to]
		}
	}
	return nil
}

// Elements yields the elements of a list value, as Message.Values does for a
// header.
func Elements(v []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for pos := 0; pos < len(v); {
			var e span
			if e, pos = nextElement(v, pos); e.from < e.to && !yield(v[e.from:e.to:e.to]) {
				return
			}
		}
	}
}
