package xcapdiff

import (
	"net/url"
	"slices"
	"strings"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/xcap"
	"tandem/rtc/event"
	"tandem/rtc/sip"
)

// maxSelectors bounds what one SUBSCRIBE may list.
const maxSelectors = 64

// view is what a client wants to hear of: whether patches, and below which paths;
// none: of all documents of the user.
type view string

const patching = "patching\n"

// viewOf writes a view, the same for the same wishes.
func viewOf(patches bool, paths []string) view {
	slices.Sort(paths)
	v := strings.Join(slices.Compact(paths), "\n")
	if patches {
		v = patching + v
	}
	return view(v)
}

func (v view) patches() bool { return strings.HasPrefix(string(v), patching) }

// shows reports whether a document is among those wanted.
func (v view) shows(d *contacts.Document) bool {
	paths := strings.TrimPrefix(string(v), patching)
	if paths == "" {
		return true
	}
	for p := range strings.SplitSeq(paths, "\n") {
		if name := d.Usage + "/" + d.Name; p == name || strings.HasSuffix(p, "/") && strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// content accepts a list of documents, or none (RFC 5875 §4.2).
func content(m *sip.Message) error {
	if len(m.Body()) == 0 {
		return nil
	}
	if t := sip.ParseParted(m.Get(sip.HdrContentType)).Value; !sip.EqualFold(t, xcap.ResourceLists.Type) {
		return &rtc.Status{Code: 415, Header: []byte("Accept: " + xcap.ResourceLists.Type + "\r\n")}
	}
	_, err := paths("", m.Body())
	return err
}

// authorise lets the user himself subscribe, and reads what he wants. That is not
// kept on disk: after a restart he hears of all documents, without patches, which
// no client may find wrong.
func authorise(a event.Ask) (event.Grant, error) {
	g, err := event.Owner(a)
	if err != nil || a.Message == nil {
		return g, err
	}
	how, _ := sip.ParseParted(a.Message.Get(sip.HdrEvent)).Param("diff-processing")
	var list []string
	if len(a.Message.Body()) > 0 {
		if list, err = paths(a.Resource, a.Message.Body()); err != nil {
			return g, err
		}
	}
	g.View = string(viewOf(!sip.EqualFold(how, "no-patching"), list))
	return g, nil
}

// paths are the documents, collections and nodes that a list names by URIs relative to
// the root (RFC 5875 §4.4), as usage/name, usage/, or usage/name, a tab and the node
// selector as it was written. What is of
// others, or global, is left out: nothing is told of it.
func paths(user rtc.AOR, body []byte) (list []string, err error) {
	bad := func(why string) error { return &rtc.Status{Code: 400, Reason: "Bad Resource List: " + why} }
	root, err := xcap.Parse(body)
	if err != nil || root.Space != xcap.ListsSpace {
		return nil, bad("Not Well-Formed")
	}
	entries := 0
	var walk func(e *xcap.Element)
	walk = func(e *xcap.Element) {
		for _, c := range e.Children {
			if c.Space == xcap.ListsSpace && c.Name == "entry" {
				uri, _ := c.Attr("uri")
				entries++
				if p, ok := pathOf(user, uri); ok {
					list = append(list, p)
				}
			}
			walk(c)
		}
	}
	walk(root)
	switch {
	case entries == 0:
		return nil, bad("No Entries")
	case entries > maxSelectors:
		return nil, bad("More Than 64 Entries")
	case len(list) == 0: // nothing of what is wanted will ever be told
		list = []string{"\x00"}
	}
	return list, nil
}

// pathOf reads one URI about a user.
func pathOf(user rtc.AOR, uri string) (string, bool) {
	uri, selector, isNode := strings.Cut(uri, "/~~/")
	uri, err := url.PathUnescape(strings.TrimPrefix(uri, "/"))
	if err != nil || strings.ContainsAny(uri, "\n\x00") || len(uri) > 512 {
		return "", false
	}
	parts := strings.Split(uri, "/")
	switch {
	case len(parts) < 3 || parts[1] != "users": // "resource-lists/" is a collection as well
		if len(parts) == 2 && parts[1] == "" && xcap.UsageOf(parts[0]) != nil {
			return xcap.UsageOf(parts[0]).ID + "/", true
		}
		return "", false
	case xcap.UsageOf(parts[0]) == nil || !means(parts[2], user):
		return "", false
	}
	usage := xcap.UsageOf(parts[0]).ID
	if isNode {
		return nodePath(parts, selector)
	}
	if len(parts) == 3 || parts[3] == "" {
		return usage + "/", true
	}
	return usage + "/" + parts[3], true
}

// nodePath reads the rest of a URI that names an element or attribute.
func nodePath(parts []string, selector string) (string, bool) {
	u := xcap.UsageOf(parts[0])
	s, err := selectorOf(selector, u)
	if err != nil || len(parts) != 4 || parts[3] == "" || s.Type() == xcap.NamespacesType || len(selector) > 512 || strings.ContainsAny(selector, "\t\r\n\x00") {
		return "", false
	}
	return u.ID + "/" + parts[3] + "\t" + selector, true
}

// means reports whether an XUI is a user's: an address with or without scheme, or
// a name.
func means(xui string, user rtc.AOR) bool {
	address := strings.TrimPrefix(string(user), "sip:")
	name, _, _ := strings.Cut(address, "@")
	xui = strings.TrimPrefix(xui, "sip:")
	return xui == address || xui == name || contacts.AORof("sip:"+xui) == user
}
