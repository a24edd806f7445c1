package exchange

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tandem/media/sdp"
)

// Offer writes an offer to this side, with one Line for each m-line. Lines beyond those
// of an earlier exchange are new; missing ones are refused. A Line with Port 0 is
// switched off.
func (a *Agent) Offer(lines []Line) (*sdp.Description, error) {
	if a.state == offering || a.state == offered {
		return nil, ErrPending
	}
	if len(lines) > sdp.MaxMedia {
		return nil, fmt.Errorf("sdp: offering %d m-lines; at most %d", len(lines), sdp.MaxMedia)
	}
	d := &sdp.Description{}
	lines = a.tagged(lines)
	for i := range max(len(lines), len(a.alive)) {
		line := a.leftOut(i)
		if i < len(lines) {
			line = lines[i]
		}
		m, err := a.offerMedia(i, line)
		if err != nil {
			return nil, fmt.Errorf("sdp: offering m-line %d: %w", i, err)
		}
		d.Media = append(d.Media, m)
	}
	a.session(d, lines)
	if group := offeredBundle(d, lines); group != "" {
		d.Attributes = append([]sdp.Attribute{{Name: "group", Value: group}}, d.Attributes...)
	}
	sent, err := a.send(d)
	if err != nil {
		return nil, err
	}
	a.local, a.state = sent, offering
	return sent, nil
}

// tagged gives each line the tag by which this side knows it. A tag that was given once
// stays, even if the other side of the call uses another (RFC 9429 §5.2.2).
func (a *Agent) tagged(lines []Line) []Line {
	if a.local == nil {
		return lines
	}
	lines = slices.Clone(lines)
	for i := range lines {
		if i < len(a.local.Media) && a.local.Media[i].MID != "" && lines[i].MID != "" {
			lines[i].MID = a.local.Media[i].MID
		} else if lines[i].MID != "" && slices.ContainsFunc(a.local.Media, func(m sdp.Media) bool { return m.MID == lines[i].MID }) {
			lines[i].MID = lines[i].Kind + strconv.Itoa(i)
		}
	}
	return lines
}

// leftOut returns the Line for an m-line that is no longer used: it keeps its position,
// with port 0 (§8.2).
func (a *Agent) leftOut(i int) Line {
	if a.local != nil && i < len(a.local.Media) {
		m := &a.local.Media[i]
		return Line{Kind: m.Kind, Proto: m.Proto, Formats: m.Formats}
	}
	return Line{Kind: "audio"}
}

// slot returns the slot of an m-line.
func (a *Agent) slot(i int) *slot {
	for len(a.slots) <= i {
		a.slots = append(a.slots, newSlot())
	}
	return a.slots[i]
}

func (a *Agent) offerMedia(i int, line Line) (sdp.Media, error) {
	line.Kind = cmp.Or(strings.ToLower(line.Kind), "audio")
	line.Proto = cmp.Or(line.Proto, profile(line))
	s := a.slot(i)
	m := sdp.Media{Kind: line.Kind, Proto: line.Proto, Formats: line.Formats}
	if line.Port == 0 {
		a.refusedFormats(&m, i)
		if line.MID != "" {
			m.Attributes = append(m.Attributes, sdp.Attribute{Name: "mid", Value: line.MID})
		}
		return m, nil
	}
	m.Port, m.Connection, m.Bandwidth, m.Info = line.Port, line.Addr, line.Bandwidth, line.Info
	if line.Aside {
		m.Attributes = line.Extra
		return m, nil
	}
	w := lineWriter{line: line, offer: true, setup: cmp.Or(line.Setup, "actpass"), direction: line.Direction}
	w.sayDirection, w.ptime = a.asBefore(i, line)
	if m.RTP() {
		codecs, renumbered := a.numbered(s, line.Kind, complete(line.Codecs))
		if len(codecs) == 0 {
			return m, unacceptable(0, warnMediaFormat, "no codec is left to offer; there were %s", names(line.Codecs))
		}
		w.codecs, w.renumbered = codecs, renumbered
		w.mux, w.maxPtime = line.Mux, line.MaxPtime
	}
	w.ice = line.ICE.Ufrag != ""
	w.dtls = line.Fingerprint.Value != ""
	w.crypto = tagged(line.Crypto)
	w.write(&m)
	return m, nil
}

// asBefore reports whether to write sendrecv, and which ptime. What our last
// description left out can be left out again, so that an unchanged session has an
// unchanged text.
func (a *Agent) asBefore(i int, line Line) (sayDirection bool, ptime int) {
	if a.local == nil || i >= len(a.local.Media) || a.local.Media[i].Port == 0 {
		return true, line.Ptime
	}
	before := &a.local.Media[i]
	ptime = line.Ptime
	if ptime == defaultPtime && !has(before.Attributes, "ptime") {
		ptime = 0
	}
	return before.Direction != sdp.SendRecv || saysDirection(before.Attributes), ptime
}

// profile returns the protocol for a line that names none.
func profile(line Line) string {
	switch {
	case line.Fingerprint.Value != "":
		return "UDP/TLS/RTP/SAVPF"
	case len(line.Crypto) > 0:
		return "RTP/SAVP"
	}
	return "RTP/AVP"
}

// tagged numbers the crypto lines that have no tag.
func tagged(lines []sdp.Crypto) []sdp.Crypto {
	list := make([]sdp.Crypto, 0, len(lines))
	used := map[int]bool{}
	for _, c := range lines {
		used[c.Tag] = true
	}
	next := 1
	for _, c := range lines {
		if c.Tag == 0 {
			for used[next] {
				next++
			}
			c.Tag, used[next] = next, true
		}
		list = append(list, c)
	}
	return list
}

// refusedFormats gives an m-line with port 0 a format, which the grammar requires:
// those it had before, or any.
func (a *Agent) refusedFormats(m *sdp.Media, i int) {
	if len(m.Formats) == 0 && a.local != nil && i < len(a.local.Media) && a.local.Media[i].Kind == m.Kind {
		m.Formats = a.local.Media[i].Formats
	}
	if len(m.Formats) == 0 {
		m.Formats = []string{"0"}
	}
}

// numbered gives each codec its payload number. It also returns the mapping from the
// caller's numbers to ours, for codecs that refer to others.
func (a *Agent) numbered(s *slot, kind string, codecs []sdp.Codec) ([]sdp.Codec, renumbering) {
	t := &s.table(kind).ours
	t.begin(len(codecs))
	var taken numberSet
	var renumbered renumbering
	chosen := make([]sdp.Codec, len(codecs))
	use := func(i int, c sdp.Codec) {
		n, ok := a.choose(*t, kind, c, &taken)
		if !ok {
			return // more formats than numbers: the least wanted are dropped
		}
		if c.PayloadType = n; c.Event() && c.Fmtp == "" {
			c.Fmtp = dialEvents().String() // RFC 4733 §2.4.1 requires it
		}
		if !renumbered.known.has(codecs[i].PayloadType) {
			renumbered.set(codecs[i].PayloadType, n)
		}
		chosen[i] = c
		taken.add(n)
		t.keep(n, c)
	}
	for i, c := range codecs {
		if c.Name != "" && c.ClockRate > 0 && !references(c) && !twice(codecs[:i], c) {
			use(i, c)
		}
	}
	for i, c := range codecs {
		if references(c) && c.ClockRate > 0 {
			if c, ok := rebase(c, &renumbered); ok {
				use(i, c)
			}
		}
	}
	list := chosen[:0]
	for _, c := range chosen {
		if c.Name != "" {
			list = append(list, c)
		}
	}
	return list, renumbered
}

func twice(before []sdp.Codec, c sdp.Codec) bool {
	for _, b := range before {
		if b.Same(c) && b.Fmtp == c.Fmtp {
			return true
		}
	}
	return false
}

// offeredBundle groups the lines that share a port with the first of them.
func offeredBundle(d *sdp.Description, lines []Line) string {
	var group []string
	first := -1
	for i := range lines {
		l := &lines[i]
		if l.MID == "" || l.Aside || !l.Mux && sdp.CarriesRTP(d.Media[i].Proto) || l.Port == 0 {
			continue
		}
		if first < 0 {
			first = i
		}
		if l.Port == lines[first].Port && l.Addr == lines[first].Addr {
			group = append(group, l.MID)
		}
	}
	if len(group) == 0 {
		return ""
	}
	return "BUNDLE " + strings.Join(group, " ")
}
