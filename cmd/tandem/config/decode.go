package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxMistakes is how many mistakes of a file are told at once.
const maxMistakes = 20

// parse decodes YAML over c; an empty file changes nothing. Each mistake begins with
// "line:column: ". What cannot be read keeps its value in c.
func parse(b []byte, c *Config) (mistakes []error) {
	file, err := parser.ParseBytes(b, 0)
	if err != nil {
		_, told := mistake(b, err)
		return []error{told}
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && body == nil {
			body = doc.Body
		}
	}
	if _, isComment := body.(*ast.CommentGroupNode); body == nil || isComment {
		return nil
	}
	body = keepText(body)
	for start := *c; len(mistakes) < maxMistakes; {
		*c = start
		err := yaml.NodeToValue(body, c, yaml.Strict())
		if err == nil {
			return mistakes
		}
		at, told := mistake(b, err)
		mistakes = append(mistakes, told)
		if at == (place{}) || !prune(body, at) {
			return mistakes
		}
	}
	return mistakes
}

// place is where something stands in a file, from 1.
type place struct{ line, column int }

// mistake says what is wrong in plain words, and where.
func mistake(b []byte, err error) (place, error) {
	var ye yaml.Error
	if !errors.As(err, &ye) || ye.GetToken() == nil {
		if at, told, ok := misspelt(b, err.Error()); ok {
			return at, fmt.Errorf("%d:%d: %s", at.line, at.column, told)
		}
		return place{}, fmt.Errorf(" %w", err)
	}
	msg, t := plain(ye.GetMessage()), ye.GetToken().Position
	if name, ok := unknownField(msg); ok {
		msg = fmt.Sprintf("unknown key %q", name)
		if near := nearest(name, names(reflect.TypeFor[Config](), nil)); near != "" {
			msg += fmt.Sprintf("; did you mean %q?", near)
		} else {
			msg += "; the keys are listed by: tandem config defaults"
		}
	}
	return place{t.Line, t.Column}, fmt.Errorf("%d:%d: %s", t.Line, t.Column, msg)
}

func unknownField(msg string) (string, bool) {
	rest, ok := strings.CutPrefix(msg, "unknown field ")
	return strings.Trim(rest, "\""), ok
}

// keepText makes texts of what YAML takes for numbers though it is not written as
// one writes a number: +49 and 030 are telephone numbers.
func keepText(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.IntegerNode:
		if text := n.Token.Value; len(text) > 1 && (text[0] == '+' || text[0] == '0' && isDigits(text)) {
			return ast.String(n.Token)
		}
	case *ast.MappingNode:
		for _, v := range n.Values {
			v.Value = keepText(v.Value)
		}
	case *ast.MappingValueNode:
		n.Value = keepText(n.Value)
	case *ast.SequenceNode:
		for i := range n.Values {
			n.Values[i] = keepText(n.Values[i])
		}
	}
	return n
}

func isDigits(s string) bool { return len(bytes.Trim([]byte(s), "0123456789")) == 0 }

// prune takes the innermost key or list entry that stands at a place out of a tree,
// so that the rest can be read. It reports whether there was one.
func prune(n ast.Node, at place) bool {
	stands := func(n ast.Node) bool {
		t := n.GetToken()
		return t != nil && t.Position.Line == at.line && t.Position.Column == at.column
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		for i, v := range n.Values {
			if prune(v.Value, at) {
				return true
			}
			if stands(v.Key) || starts(v.Value, at) {
				n.Values = append(n.Values[:i:i], n.Values[i+1:]...)
				return true
			}
		}
	case *ast.SequenceNode:
		for i, v := range n.Values {
			if prune(v, at) {
				return true
			}
			if starts(v, at) {
				n.Values = append(n.Values[:i:i], n.Values[i+1:]...)
				return true
			}
		}
	}
	return false
}

// starts reports whether a value begins at a place.
func starts(n ast.Node, at place) bool {
	t := n.GetToken()
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		t = m.Values[0].Key.GetToken()
	}
	return t != nil && t.Position.Line == at.line && t.Position.Column == at.column
}
