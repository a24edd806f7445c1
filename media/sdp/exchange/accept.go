package exchange

import (
	"slices"
	"strings"

	"tandem/media/sdp"
)

// attributes writes the attributes of one m-line of the answer. It adds nothing that
// the offer gave no reason for, because old gateways fail on unknown attributes.
func (w *answering) attributes(m *sdp.Media, i int) {
	theirs, line, p := &w.offer.Media[i], w.lines[i], &w.parts[i]
	if p.refusal != nil {
		if theirs.MID != "" {
			m.Attributes = append(m.Attributes, sdp.Attribute{Name: "mid", Value: theirs.MID})
		}
		return
	}
	if line.Aside {
		m.Attributes = line.Extra
		return
	}
	via := &w.offer.Media[w.via[i]]
	if p.secured.setup != "" {
		w.slots[i].setup = p.secured.setup
	}
	out := lineWriter{
		line: line, mid: theirs.MID, codecs: p.written, renumbered: p.numbers,
		direction:    answerDirection(theirs, via, line.Direction),
		sayDirection: saysDirection(theirs.Attributes) || saysDirection(w.offer.Attributes),
		mux:          p.mux, maxPtime: line.MaxPtime,
		dtls: p.secured.dtls, setup: p.secured.setup,
		ice:        line.ICE.Ufrag != "" && (theirs.ICE.Ufrag != "" || via.ICE.Ufrag != ""),
		candidates: w.via[i] == i,
	}
	if line.Ptime != defaultPtime || theirs.Ptime != 0 {
		out.ptime = line.Ptime
	}
	if p.secured.sdes {
		out.crypto = []sdp.Crypto{p.secured.pair.Ours}
	}
	out.write(m)
}

// answerDirection mirrors the offered direction within what we want (RFC 3264 §6.1). A
// null address means that they do not listen.
func answerDirection(theirs, via *sdp.Media, ours sdp.Direction) sdp.Direction {
	listens := theirs.Direction.Receives() && !held(theirs, via)
	return direction(listens && ours.Sends(), theirs.Direction.Sends() && ours.Receives())
}

// held reports whether the address is null, for a line that uses the transport of via.
func held(m, via *sdp.Media) bool { return m.Null() && via.ICE.Ufrag == "" }

func saysDirection(attributes []sdp.Attribute) bool {
	return slices.ContainsFunc(attributes, func(a sdp.Attribute) bool { return sdp.ParseDirection(a.Name) != sdp.DirectionUnset })
}

// nothingLeft returns the error when no offered m-line is accepted.
func (w *answering) nothingLeft() error {
	var first *sdp.Error
	for i := range w.parts {
		switch p := &w.parts[i]; {
		case p.refusal == nil:
			return nil
		case p.off:
		case first == nil || first.Warning == warnMediaType:
			// The reason why a wanted line failed says more.
			first = p.refusal
		}
	}
	if first == nil {
		return nil
	}
	return first
}

// bundle answers each BUNDLE group with those of its m-lines that are accepted and
// share one port of ours (RFC 9143 §7.3). A line outside the group uses its own
// transport; a line without one is refused.
func (w *answering) bundle(d *sdp.Description) {
	var groups [][]string
	for _, group := range bundles(w.offer) {
		var kept []string
		first := -1
		for _, mid := range group {
			i := slices.IndexFunc(w.offer.Media, func(m sdp.Media) bool { return m.MID == mid })
			if i < 0 || w.parts[i].refusal != nil || d.Media[i].RTP() && !w.parts[i].mux || slices.Contains(kept, mid) {
				continue
			}
			if first < 0 {
				first = i
			}
			if d.Media[i].Port == d.Media[first].Port && d.Media[i].Connection == d.Media[first].Connection {
				kept = append(kept, mid)
			}
		}
		if len(kept) > 0 {
			groups = append(groups, kept)
			d.Attributes = append(d.Attributes, sdp.Attribute{Name: "group", Value: "BUNDLE " + strings.Join(kept, " ")})
		}
	}
	w.via = transports(w.offer, groups, func(i int) bool { return w.parts[i].refusal == nil })
	for i := range w.parts {
		theirs, p := &w.offer.Media[i], &w.parts[i]
		if p.refusal == nil && theirs.Port == 0 && w.via[i] == i && !groupHead(groups, theirs.MID) {
			p.refusal = unacceptable(theirs.Line, warnOther, "m=%s lives only in a BUNDLE group, which was not formed", theirs.Kind)
			d.Media[i].Port, d.Media[i].Formats = 0, theirs.Formats
		}
	}
}

func groupHead(groups [][]string, mid string) bool {
	return slices.ContainsFunc(groups, func(g []string) bool { return g[0] == mid })
}

func (w *answering) agreed(sent *sdp.Description) []Agreed {
	list := make([]Agreed, len(w.parts))
	for i := range w.parts {
		theirs, p := &w.offer.Media[i], &w.parts[i]
		if p.refusal != nil {
			list[i] = refused(theirs, p.refusal)
			continue
		}
		list[i] = outcome(&sent.Media[i], theirs, &w.offer.Media[w.via[i]], p.codecs, p.secured)
	}
	return list
}

func direction(sends, receives bool) sdp.Direction {
	switch {
	case sends && receives:
		return sdp.SendRecv
	case sends:
		return sdp.SendOnly
	case receives:
		return sdp.RecvOnly
	}
	return sdp.Inactive
}
