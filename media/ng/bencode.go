package ng

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
)

// Limits of what is read: a datagram holds no more anyway.
const (
	maxDepth = 16
	maxItems = 4096
)

// encode writes d in bencoding, keys sorted.
func encode(b []byte, d Dict) []byte { return appendValue(b, d) }

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		b = strconv.AppendInt(b, int64(len(v)), 10)
		b = append(b, ':')
		return append(b, v...)
	case int:
		return appendValue(b, int64(v))
	case int64:
		b = append(b, 'i')
		b = strconv.AppendInt(b, v, 10)
		return append(b, 'e')
	case []string:
		b = append(b, 'l')
		for _, e := range v {
			b = appendValue(b, e)
		}
		return append(b, 'e')
	case []any:
		b = append(b, 'l')
		for _, e := range v {
			b = appendValue(b, e)
		}
		return append(b, 'e')
	case Dict:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		b = append(b, 'd')
		for _, k := range keys {
			b = appendValue(appendValue(b, k), v[k])
		}
		return append(b, 'e')
	}
	return appendValue(b, fmt.Sprint(v))
}

// decode reads one bencoded dictionary. Anything behind it is an error.
func decode(b []byte) (Dict, error) {
	r := reader{b: b}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	d, ok := v.(Dict)
	if !ok || len(r.b) > 0 {
		return nil, errMessage
	}
	return d, nil
}

// reader takes values off the front of b.
type reader struct {
	b     []byte
	items int
}

func (r *reader) value(depth int) (any, error) {
	r.items++
	if len(r.b) == 0 || depth > maxDepth || r.items > maxItems {
		return nil, errMessage
	}
	switch c := r.b[0]; {
	case c >= '0' && c <= '9':
		return r.text()
	case c == 'i':
		n, err := r.number('e', 1)
		return n, err
	case c == 'l':
		r.b = r.b[1:]
		list := []any{}
		for !r.end() {
			v, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case c == 'd':
		r.b = r.b[1:]
		d := Dict{}
		for !r.end() {
			k, err := r.text()
			if err != nil {
				return nil, err
			}
			if d[k], err = r.value(depth + 1); err != nil {
				return nil, err
			}
		}
		return d, nil
	}
	return nil, errMessage
}

// end takes the end of a list or dictionary, if it is next.
func (r *reader) end() bool {
	if len(r.b) > 0 && r.b[0] == 'e' {
		r.b = r.b[1:]
		return true
	}
	return false
}

func (r *reader) number(until byte, from int) (int64, error) {
	i := bytes.IndexByte(r.b, until)
	if i < from || i > 20 {
		return 0, errMessage
	}
	n, err := strconv.ParseInt(string(r.b[from:i]), 10, 64)
	if err != nil {
		return 0, errMessage
	}
	r.b = r.b[i+1:]
	return n, nil
}

func (r *reader) text() (string, error) {
	n, err := r.number(':', 0)
	if err != nil || n < 0 || n > int64(len(r.b)) {
		return "", errMessage
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s, nil
}
