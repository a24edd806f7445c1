// Package prefix finds what is kept under the beginnings of a text: prefixes of
// telephone numbers, mostly. Looking costs a map look-up for each length that
// occurs and does not allocate.
package prefix

// Table keeps a value under each of many prefixes. The zero value is empty. Put
// must not run beside anything else; the rest may.
type Table[T any] struct {
	values  map[string]T
	lengths []bool // which occur
}

// Put keeps v under a prefix, in place of what was there.
func (t *Table[T]) Put(prefix string, v T) {
	if t.values == nil {
		t.values = make(map[string]T)
	}
	for len(t.lengths) <= len(prefix) {
		t.lengths = append(t.lengths, false)
	}
	t.values[prefix] = v
	t.lengths[len(prefix)] = true
}

// Longest returns what is kept under the longest prefix of s that is shorter
// than below octets, and how long that prefix is. To see all, from the longest:
//
//	for v, n, ok := t.Longest(s, len(s)+1); ok; v, n, ok = t.Longest(s, n) {
func (t *Table[T]) Longest(s string, below int) (v T, n int, ok bool) {
	for n := min(below-1, len(s), len(t.lengths)-1); n >= 0; n-- {
		if !t.lengths[n] {
			continue
		}
		if v, ok := t.values[s[:n]]; ok {
			return v, n, true
		}
	}
	return v, 0, false
}

// Len is how many prefixes there are.
func (t *Table[T]) Len() int { return len(t.values) }
