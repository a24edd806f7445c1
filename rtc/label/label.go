// Package label compares the names that people give to sites and groups: what is shown
// stays as it was written, but Berlin, berlin and " BERLIN" are one place. Nobody would
// notice that a limit or a refusal does not hold because of a capital letter.
package label

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold is the form of a name that is the same for all its spellings. It does not allocate
// for a name in that form.
func Fold(name string) string { return strings.Map(fold, strings.TrimSpace(name)) }

// Append appends Fold of a name, without allocating where dst has room.
func Append(dst []byte, name string) []byte {
	for _, r := range strings.TrimSpace(name) {
		dst = utf8.AppendRune(dst, fold(r))
	}
	return dst
}

// Same reports whether two spellings are of one name.
func Same(a, b string) bool { return a == b || Fold(a) == Fold(b) }

// fold goes by the capital: σ and ς have the same one.
func fold(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }
