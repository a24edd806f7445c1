// Package presrules reads the rules of consent out of documents of RFC 5025, and
// writes them as such, so that what a client sets by XCAP is what counts, and
// what is set otherwise is seen by the client.
//
// Rules for one identity, for a domain, and for everybody are read. What a
// document says besides (spheres, validity, exceptions, transformations) has no
// counterpart: a rule that depends on it grants nothing, and is left out unless it
// blocks. A group of the directory cannot be said in a document.
package presrules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tandem/rtc"
	"tandem/rtc/contacts/xcap"
	"tandem/rtc/policy/consent"
	"tandem/rtc/sip"
)

// Read reads the rules of a document that is valid.
func Read(doc []byte) ([]consent.Rule, error) {
	root, err := xcap.Parse(doc)
	if err != nil {
		return nil, err
	}
	var list []consent.Rule
	for _, r := range root.Children {
		if r.Space != xcap.PolicySpace || r.Name != "rule" {
			continue
		}
		action, whom, bound := read(doc, r)
		if action == "" || bound && action != consent.Block {
			continue
		}
		for _, w := range whom {
			w.Action = action
			list = add(list, w)
		}
	}
	slices.SortFunc(list, compare)
	return list, nil
}

// add adds a rule; of several for one the one that shows most counts (RFC 4745 §7.2).
func add(list []consent.Rule, r consent.Rule) []consent.Rule {
	order := consent.Actions()
	for i := range list {
		if o := &list[i]; o.Kind == r.Kind && o.Name == r.Name {
			if slices.Index(order, r.Action) > slices.Index(order, o.Action) {
				o.Action = r.Action
			}
			return list
		}
	}
	return append(list, r)
}

func compare(a, b consent.Rule) int {
	return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Name, b.Name))
}

// read is what a rule does and for whom; bound: only under conditions we do not
// know.
func read(doc []byte, r *xcap.Element) (action consent.Action, whom []consent.Rule, bound bool) {
	named := false
	for _, part := range r.Children {
		for _, x := range part.Children {
			switch {
			case part.Name == "actions" && x.Space == xcap.RulesSpace && x.Name == "sub-handling":
				action = consent.Action(strings.TrimSpace(x.Text(doc)))
			case part.Name != "conditions":
			case x.Space == xcap.PolicySpace && x.Name == "identity":
				named = true
				list, except := identities(x)
				whom, bound = append(whom, list...), bound || except
			default:
				bound = true
			}
		}
	}
	if !named {
		whom = []consent.Rule{{Kind: consent.Everyone}}
	}
	return action, whom, bound
}

// identities are those of an identity condition (RFC 4745 §7.1).
func identities(x *xcap.Element) (list []consent.Rule, except bool) {
	for _, e := range x.Children {
		switch {
		case e.Space != xcap.PolicySpace:
			except = true
		case e.Name == "one":
			if id, ok := e.Attr("id"); ok {
				list = append(list, consent.Rule{Kind: consent.User, Name: string(aor(id))})
			}
		case e.Name == "many":
			except = except || len(e.Children) > 0
			if domain, ok := e.Attr("domain"); ok {
				list = append(list, consent.Rule{Kind: consent.Domain, Name: strings.ToLower(domain)})
			} else {
				list = append(list, consent.Rule{Kind: consent.Everyone})
			}
		}
	}
	return list, except
}

func aor(uri string) rtc.AOR {
	if !strings.HasPrefix(uri, "tel:") {
		uri = "sip:" + strings.TrimPrefix(strings.TrimPrefix(uri, "pres:"), "sip:") // RFC 3859: the same user
	}
	u, err := sip.ParseURI([]byte(uri))
	if err != nil {
		return rtc.AOR(uri)
	}
	return rtc.AOR(u.AppendAOR(nil))
}

// Same reports whether what was read of a document is what the rules of a user say,
// groups left aside.
func Same(read, rules []consent.Rule) bool {
	var sorted [2][]consent.Rule
	for i, list := range [...][]consent.Rule{read, rules} {
		sorted[i] = slices.DeleteFunc(slices.Clone(list), func(r consent.Rule) bool { return r.Kind == consent.Group })
		slices.SortFunc(sorted[i], compare)
	}
	return slices.Equal(sorted[0], sorted[1])
}

// Write writes rules as a document.
func Write(rules []consent.Rule) []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<ruleset xmlns="` + xcap.PolicySpace + `" xmlns:pr="` + xcap.RulesSpace + `">` + "\n")
	for i, r := range rules {
		var whom string
		switch r.Kind {
		case consent.User:
			whom = `<identity><one id="` + xcap.Escape(r.Name) + `"/></identity>`
		case consent.Domain:
			whom = `<identity><many domain="` + xcap.Escape(r.Name) + `"/></identity>`
		case consent.Everyone:
			whom = `<identity><many/></identity>`
		default:
			continue
		}
		fmt.Fprintf(&b, `<rule id="r%d"><conditions>%s</conditions><actions><pr:sub-handling>%s</pr:sub-handling></actions><transformations/></rule>`+"\n", i+1, whom, r.Action)
	}
	b.WriteString(`</ruleset>`)
	return []byte(b.String())
}
