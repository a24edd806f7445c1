package boot

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// colons reads key: "value" lines, as the Cisco 7960 does. A later line counts.
func colons(text string, into map[string]string) error {
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || strings.ContainsAny(key, " \t\"") {
			return fmt.Errorf("line %d: %q", n+1, line)
		}
		if strings.HasPrefix(value, `"`) {
			end := strings.IndexByte(value[1:], '"')
			if end < 0 || strings.TrimSpace(value[end+2:]) != "" {
				return fmt.Errorf("line %d: the quotes do not end: %q", n+1, line)
			}
			value = value[1 : end+1]
		}
		into[strings.TrimSpace(key)] = value
	}
	return nil
}

// equals reads key = value lines after a first line that must be as Yealink wants.
func equals(text string) (map[string]string, error) {
	first, rest, _ := strings.Cut(text, "\n")
	if strings.TrimRight(first, "\r") != "#!version:1.0.0.1" {
		return nil, fmt.Errorf("the first line is %q", first)
	}
	out := make(map[string]string)
	for n, line := range strings.Split(rest, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if key = strings.TrimSpace(key); !ok || key == "" || strings.Contains(key, " ") {
			return nil, fmt.Errorf("line %d: %q", n+2, line)
		}
		out[key] = strings.TrimSpace(value)
	}
	return out, nil
}

// node is an element of XML.
type node struct {
	name  string
	attrs map[string]string
	text  string
	kids  []*node
}

// tree reads XML.
func tree(text string) (*node, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	root := &node{}
	stack := []*node{root}
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			if len(root.kids) != 1 {
				return nil, fmt.Errorf("%d elements at the top", len(root.kids))
			}
			return root.kids[0], nil
		}
		if err != nil {
			return nil, err
		}
		top := stack[len(stack)-1]
		switch t := t.(type) {
		case xml.StartElement:
			n := &node{name: t.Name.Local, attrs: make(map[string]string)}
			for _, a := range t.Attr {
				n.attrs[a.Name.Local] = a.Value
			}
			top.kids = append(top.kids, n)
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(t)
		}
	}
}

// all elements of a name, anywhere below.
func (n *node) all(name string) (list []*node) {
	for _, k := range n.kids {
		if k.name == name {
			list = append(list, k)
		}
		list = append(list, k.all(name)...)
	}
	return list
}

// value is the text of the first element of a name.
func (n *node) value(name string) string {
	if list := n.all(name); len(list) > 0 {
		return strings.TrimSpace(list[0].text)
	}
	return ""
}
