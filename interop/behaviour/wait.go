package behaviour

import (
	"regexp"
	"strconv"

	"tandem/interop/wire"
)

// Fits says whether a message is the one that is waited for.
func (w *Wait) Fits(m *wire.Message) bool {
	if w.Pick != "" {
		if expr, err := regexp.Compile(w.Pick); err != nil || !expr.Match(m.Raw) {
			return false
		}
	}
	if w.Method != "" {
		return m.IsRequest() && m.Method() == w.Method
	}
	if m.IsRequest() {
		return false
	}
	code := m.Status()
	switch w.Code {
	case "final":
		return code >= 200
	case "1xx", "2xx", "3xx", "4xx", "5xx", "6xx":
		return strconv.Itoa(code/100) == w.Code[:1]
	}
	return strconv.Itoa(code) == w.Code
}

// String is how a report names it.
func (w *Wait) String() string {
	switch {
	case w.Method != "":
		return w.Method
	case w.Code == "final":
		return "a final response"
	}
	return "a response " + w.Code
}
