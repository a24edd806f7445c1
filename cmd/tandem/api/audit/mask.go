package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

const (
	maxText  = 512
	maxValue = 64 << 10 // octets of before and after
)

// secrets are what keys contain whose values are not to be seen.
var secrets = []string{"password", "secret", "token", "pin", "private_key"}

const masked = "(masked)"

// Mask writes v as JSON in which the values of keys that name a secret are masked.
// One too large to be kept becomes a note of its size. nil is nothing.
func Mask(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return note("it cannot be written as JSON", 0)
	}
	if len(b) <= maxValue && harmless(b) {
		return b
	}
	return hidden(b)
}

// harmless reports whether no key can name a secret: no such word is there at all, nor a
// letter that is written as its number. Most of what is kept or told is so, and need not be
// taken apart.
func harmless(text []byte) bool {
	lower := bytes.ToLower(text)
	for _, s := range secrets {
		if bytes.Contains(lower, []byte(s)) {
			return false
		}
	}
	return !bytes.Contains(lower, []byte(`\u`))
}

// hidden is JSON with the values of secrets masked.
func hidden(b []byte) json.RawMessage {
	var tree any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if d.Decode(&tree) != nil {
		return note("it cannot be read as JSON", len(b))
	}
	hide(tree)
	b, err := json.Marshal(tree)
	if err != nil || len(b) > maxValue {
		return note("too large to be kept", len(b))
	}
	return b
}

func note(why string, octets int) json.RawMessage {
	b, _ := json.Marshal(map[string]any{"left_out": why, "octets": octets}) // cannot fail
	return b
}

func hide(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if isSecret(key) && value != nil && value != "" {
				v[key] = masked
				continue
			}
			hide(value)
		}
	case []any:
		for _, x := range v {
			hide(x)
		}
	}
}

// isSecret tells whether a word of the key names a secret: api_token does, shipping
// does not.
func isSecret(key string) bool {
	words := strings.FieldsFunc(strings.ToLower(key), func(r rune) bool { return r == '_' || r == '-' || r == '.' })
	for _, s := range secrets {
		for _, w := range words {
			if w == s || w == s+"s" {
				return true
			}
		}
		if len(s) > 3 && strings.Contains(strings.ToLower(key), s) {
			return true
		}
	}
	return false
}

// cut bounds a text without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
