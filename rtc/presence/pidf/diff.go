package pidf

import "bytes"

// DiffType is the media type of partial documents (RFC 5262). Their version
// begins with 1 (RFC 5263 §4.4).
const DiffType = "application/pidf-diff+xml"

const nsDiff = "urn:ietf:params:xml:ns:pidf-diff"

// Full is the document in the form of partial notification; its version is to be
// written at octet count.
func (d *Document) Full() (b []byte, count int) {
	return d.partial("pidf-full", func(w *writer) {
		for _, p := range d.parts() {
			w.Write(p.text)
		}
	})
}

// Diff is what changed since old, as patch operations (RFC 5261); false when it
// can only be told in full.
func (d *Document) Diff(old *Document) (b []byte, count int, ok bool) {
	before, now := old.parts(), d.parts()
	if old.Entity != d.Entity || notes(before) || notes(now) {
		return nil, 0, false // notes have no id to name them by
	}
	b, count = d.partial("pidf-diff", func(w *writer) {
		for _, p := range before {
			if find(now, p) == nil {
				w.WriteString(`<p:remove sel="`)
				w.text(p.selector())
				w.WriteString(`"/>`)
			}
		}
		for _, p := range now {
			switch was := find(before, p); {
			case was == nil:
				w.WriteString(`<p:add sel="*">`)
				w.Write(p.text)
				w.WriteString(`</p:add>`)
			case !bytes.Equal(was.text, p.text):
				w.WriteString(`<p:replace sel="`)
				w.text(p.selector())
				w.WriteString(`">`)
				w.Write(p.text)
				w.WriteString(`</p:replace>`)
			}
		}
	})
	return b, count, true
}

func (d *Document) partial(root string, content func(*writer)) ([]byte, int) {
	var w writer
	w.WriteString(head + "<p:" + root + spaces + ` xmlns:p="` + nsDiff + `" entity="`)
	w.text(d.Entity)
	w.WriteString(`" version="`)
	count := w.Len()
	w.WriteString(`">`)
	content(&w)
	w.WriteString("</p:" + root + ">\n")
	return w.Bytes(), count
}

func (p *part) selector() string { return "*/" + p.name + "[@id='" + p.id + "']" }

func find(list []part, p part) *part {
	for i := range list {
		if list[i].name == p.name && list[i].id == p.id {
			return &list[i]
		}
	}
	return nil
}

func notes(list []part) bool {
	for _, p := range list {
		if p.id == "" || bytes.ContainsAny([]byte(p.id), `'"`) {
			return true
		}
	}
	return false
}
