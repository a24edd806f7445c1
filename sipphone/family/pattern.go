package family

import (
	"fmt"
	"regexp"
	"strings"

	"tandem/sipphone"
)

// pattern is the name of a file with places for what differs. It is compared with
// the last segments of a path, as many as it has itself, in any case.
type pattern struct {
	text     string
	segments int
	re       *regexp.Regexp
}

// Found is what a path holds in the places of a pattern.
type Found struct {
	MAC   sipphone.MAC
	Model string
}

var places = map[string]string{
	"{mac}":    `(?P<mac>[0-9a-fA-F]{12})`,
	"{MAC}":    `(?P<mac>[0-9a-fA-F]{12})`,
	"{model}":  `(?P<model>[A-Za-z0-9][A-Za-z0-9._+-]{0,31})`,
	"{digits}": `[0-9]{1,16}`,
	"{hex}":    `[0-9a-fA-F]{1,16}`,
}

var placeOf = regexp.MustCompile(`\{[A-Za-z]+\}`)

func newPattern(text string) (pattern, error) {
	if text == "" || strings.HasPrefix(text, "/") || strings.Contains(text, "..") {
		return pattern{}, fmt.Errorf("name of a file %q: begin it with a name, without leading /", text)
	}
	var b strings.Builder
	b.WriteString(`^(?i:`)
	rest := text
	for rest != "" {
		at := placeOf.FindStringIndex(rest)
		if at == nil {
			b.WriteString(regexp.QuoteMeta(rest))
			break
		}
		place, ok := places[rest[at[0]:at[1]]]
		if !ok {
			return pattern{}, fmt.Errorf("name of a file %q: %s is unknown; use {mac}, {model}, {digits} or {hex}", text, rest[at[0]:at[1]])
		}
		b.WriteString(regexp.QuoteMeta(rest[:at[0]]) + place)
		rest = rest[at[1]:]
	}
	b.WriteString(`)$`)
	re, err := regexp.Compile(b.String())
	return pattern{text: text, segments: strings.Count(text, "/") + 1, re: re}, err
}

func (p pattern) match(path string) (f Found, ok bool) {
	m := p.re.FindStringSubmatch(lastSegments(path, p.segments))
	if m == nil {
		return f, false
	}
	for i, name := range p.re.SubexpNames() {
		switch name {
		case "mac":
			mac, err := sipphone.ParseMAC(m[i])
			if err != nil {
				return f, false
			}
			f.MAC = mac
		case "model":
			f.Model = m[i]
		}
	}
	return f, true
}

// lastSegments cuts leading folders off.
func lastSegments(path string, n int) string {
	at := len(path)
	for ; n > 0; n-- {
		slash := strings.LastIndexByte(path[:at], '/')
		if slash < 0 {
			return path
		}
		at = slash
	}
	return path[at+1:]
}
