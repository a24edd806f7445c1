package xcap

import (
	"slices"
	"strings"
)

// Usage is an application usage (RFC 4825 §5).
type Usage struct {
	ID       string // AUID
	Type     string // media type of its documents
	Space    string // default document namespace
	Root     string // name of the root element
	validate func(doc []byte, root *Element) error
}

// The usages.
var (
	ResourceLists = &Usage{ID: "resource-lists", Type: "application/resource-lists+xml", Space: ListsSpace, Root: "resource-lists",
		validate: func(_ []byte, root *Element) error { return checkLists(root, "resource-lists") }} // RFC 4826 §3
	Services  = &Usage{ID: "rls-services", Type: "application/rls-services+xml", Space: servicesSpace, Root: "rls-services", validate: checkServices} // RFC 4826 §4
	PresRules = &Usage{ID: "pres-rules", Type: "application/auth-policy+xml", Space: PolicySpace, Root: "ruleset", validate: checkRules}              // RFC 5025 §9
	Caps      = &Usage{ID: "xcap-caps", Type: "application/xcap-caps+xml", Space: capsSpace, Root: "xcap-caps"}                                       // RFC 4825 §12
)

// Namespaces.
const (
	ListsSpace    = "urn:ietf:params:xml:ns:resource-lists"
	servicesSpace = "urn:ietf:params:xml:ns:rls-services"
	PolicySpace   = "urn:ietf:params:xml:ns:common-policy"
	RulesSpace    = "urn:ietf:params:xml:ns:pres-rules"
	capsSpace     = "urn:ietf:params:xml:ns:xcap-caps"
)

// Usages are those in which users have documents.
func Usages() []*Usage { return []*Usage{ResourceLists, Services, PresRules} }

// UsageOf finds a usage, nil when there is none.
func UsageOf(id string) *Usage {
	for _, u := range append(Usages(), Caps) {
		if u.ID == id || id == "org.openmobilealliance."+u.ID { // OMA's name of pres-rules and resource-lists
			return u
		}
	}
	return nil
}

// CapsDocument says what we support (RFC 4825 §12).
func CapsDocument() []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<xcap-caps xmlns="` + capsSpace + `"><auids>`)
	for _, u := range append(Usages(), Caps) {
		b.WriteString("<auid>" + u.ID + "</auid>")
	}
	b.WriteString(`</auids><extensions/><namespaces>`)
	for _, s := range []string{ListsSpace, servicesSpace, PolicySpace, RulesSpace, capsSpace, "urn:ietf:params:xml:ns:xcap-error"} {
		b.WriteString("<namespace>" + s + "</namespace>")
	}
	b.WriteString(`</namespaces></xcap-caps>`)
	return []byte(b.String())
}

// Validate checks a document: well-formed, of the usage's structure, unique where
// it must be. The error is a *Fault.
func (u *Usage) Validate(doc []byte) error {
	_, err := u.read(doc)
	return err
}

// read parses and validates a document.
func (u *Usage) read(doc []byte) (*Element, error) {
	root, err := Parse(doc)
	if err != nil {
		return nil, err
	}
	return root, u.check(doc, root)
}

// check validates a document that was read.
func (u *Usage) check(doc []byte, root *Element) error {
	switch {
	case root.Space != u.Space || root.Name != u.Root:
		return schema("the root element is not " + u.Root + " of " + u.Space)
	case u.validate == nil:
		return nil
	}
	return u.validate(doc, root)
}

func schema(phrase string) *Fault { return &Fault{Kind: Schema, Phrase: phrase} }

// children checks that an element holds only what it may: elements of names, and
// those of other namespaces.
func children(e *Element, names ...string) error {
	for _, c := range e.Children {
		if c.Space == e.Space && !slices.Contains(names, c.Name) {
			return schema(c.Name + " is not allowed in " + e.Name)
		}
	}
	return nil
}

// checkLists checks the lists within an element (RFC 4826 §3.2, §3.4.5).
func checkLists(root *Element, path string) error {
	if err := children(root, "list"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, l := range root.Children {
		if l.Space != ListsSpace {
			continue
		}
		name, has := l.Attr("name")
		if has && seen[name] {
			return &Fault{Kind: Uniqueness, Phrase: "two lists have one name", Field: path + `/list[@name="` + name + `"]/@name`}
		}
		seen[name] = has
		if err := checkList(l, path+`/list[@name="`+name+`"]`); err != nil {
			return err
		}
	}
	return nil
}

// keyOf is the attribute by which the elements of a list are told apart.
func keyOf(element string) string {
	switch element {
	case "entry":
		return "uri"
	case "external":
		return "anchor"
	case "entry-ref":
		return "ref"
	case "list":
		return "name"
	}
	return ""
}

func checkList(l *Element, path string) error {
	if err := children(l, "display-name", "list", "external", "entry", "entry-ref"); err != nil {
		return err
	}
	seen := make(map[[2]string]bool, len(l.Children))
	for _, c := range l.Children {
		key := keyOf(c.Name)
		if c.Space != ListsSpace || key == "" {
			continue
		}
		value, has := c.Attr(key)
		if !has && c.Name != "list" && c.Name != "external" {
			return schema(c.Name + " has no attribute " + key)
		}
		if has && seen[[2]string{c.Name, value}] {
			return &Fault{Kind: Uniqueness, Phrase: "two of a list are the same", Field: path + "/" + c.Name + "[@" + key + `="` + value + `"]/@` + key}
		}
		seen[[2]string{c.Name, value}] = has
		if c.Name == "entry-ref" && (strings.HasPrefix(value, "/") || strings.Contains(value, "://")) {
			return &Fault{Kind: Constraint, Phrase: "ref is not a relative path"} // RFC 4826 §3.4.5
		}
		if c.Name == "list" {
			if err := checkList(c, path+`/list[@name="`+value+`"]`); err != nil {
				return err
			}
		} else if err := children(c, "display-name"); err != nil {
			return err
		}
	}
	return nil
}

// checkServices checks rls-services (RFC 4826 §4.2, §4.4.5).
func checkServices(_ []byte, root *Element) error {
	if err := children(root, "service"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, c := range root.Children {
		if c.Space != root.Space {
			continue
		}
		uri, ok := c.Attr("uri")
		if !ok || uri == "" {
			return schema("service has no attribute uri")
		}
		if seen[strings.ToLower(uri)] {
			return &Fault{Kind: Uniqueness, Phrase: "two services have one URI", Field: `rls-services/service[@uri="` + uri + `"]/@uri`}
		}
		seen[strings.ToLower(uri)] = true
		if err := children(c, "resource-list", "list", "packages"); err != nil {
			return err
		}
		sources := 0
		for _, x := range c.Children {
			if x.Name == "resource-list" || x.Name == "list" {
				sources++
			}
			if x.Name == "list" {
				if err := checkList(x, `rls-services/service[@uri="`+uri+`"]/list`); err != nil {
					return err
				}
			}
		}
		if sources != 1 {
			return schema("a service has exactly one list or resource-list")
		}
	}
	return nil
}

// checkRules checks a rule set (RFC 4745 §13, RFC 5025 §9).
func checkRules(doc []byte, root *Element) error {
	if err := children(root, "rule"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, r := range root.Children {
		if r.Space != PolicySpace {
			continue
		}
		id, ok := r.Attr("id")
		if !ok || id == "" {
			return schema("rule has no attribute id")
		}
		if seen[id] {
			return &Fault{Kind: Uniqueness, Phrase: "two rules have one id", Field: `ruleset/rule[@id="` + id + `"]/@id`}
		}
		seen[id] = true
		if err := children(r, "conditions", "actions", "transformations"); err != nil {
			return err
		}
		for _, a := range r.Children {
			for _, h := range a.Children {
				if h.Space == RulesSpace && h.Name == "sub-handling" && !slices.Contains([]string{"block", "confirm", "polite-block", "allow"}, strings.TrimSpace(h.Text(doc))) {
					return schema("sub-handling is block, confirm, polite-block or allow")
				}
			}
		}
	}
	return nil
}
