package presence

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/presence/pidf"
)

// sources is what is known of a user at one moment.
type sources struct {
	aor       rtc.AOR
	published []*publication
	left      []*publication // whose device has not come back after a restart; they count for nothing
	bindings  []location.Binding
	silent    []location.Binding // that count for nothing, see Config.Silent
	calls     int
	manual    Manual
	calendar  Manual
	seen      time.Time // when he was last online, zero: it is not told
}

// offline is the document of somebody of whom nothing is open and nothing is said, and
// what politely blocked watchers are shown. seen is since when, as far as that is told (RFC
// 3863 §4.1.7).
func offline(aor rtc.AOR, seen time.Time) *pidf.Document {
	return &pidf.Document{Entity: string(aor), Tuples: []pidf.Tuple{{ID: "t0", Since: seen}}}
}

// compose makes one document, by the rules in the package comment.
func compose(s sources) *pidf.Document {
	d := &pidf.Document{Entity: string(s.aor)}
	if s.manual.Activity == "offline" {
		return offline(s.aor, s.seen)
	}
	used := slices.Clone(s.published) // the one used last first
	slices.SortStableFunc(used, func(a, b *publication) int { return b.lastUsed().Compare(a.lastUsed()) })
	contacts := make(map[string]bool)
	for _, p := range used {
		add(d, p, contacts)
	}
	for i := range s.bindings {
		if b := &s.bindings[i]; !s.publishes(b) && !contacts[b.URI] {
			contacts[b.URI] = true
			d.Tuples = append(d.Tuples, pidf.Tuple{ID: "r" + short(b.URI+b.Instance), Open: true, Contact: string(s.aor)})
		}
	}
	slices.SortStableFunc(d.Tuples, func(a, b pidf.Tuple) int { return bit(b.Open) - bit(a.Open) })
	if !d.Open() { // what he or his calendar says counts without a device, too
		d, used, s.calls = offline(s.aor, s.seen), nil, 0
	}
	d.Person = s.person(used)
	return d
}

// add takes over what a publication says of services and devices.
func add(d *pidf.Document, p *publication, contacts map[string]bool) {
	for _, t := range p.doc.Tuples {
		if t.Contact != "" && contacts[t.Contact] {
			continue
		}
		contacts[t.Contact] = true
		t.ID = p.id + "-" + short(t.ID)
		d.Tuples = append(d.Tuples, t)
	}
	for _, n := range p.doc.Devices {
		n.Attr = slices.Clone(n.Attr)
		for i := range n.Attr {
			if n.Attr[i].Name.Local == "id" {
				n.Attr[i].Value = p.id + "-" + short(n.Attr[i].Value)
			}
		}
		d.Devices = append(d.Devices, n)
	}
}

// person is what is said of the user himself, nil when that is nothing.
func (s *sources) person(used []*publication) *pidf.Person {
	p := &pidf.Person{}
	if s.manual.Activity != "" {
		if s.manual.Activity != "available" {
			p.Activities = []string{s.manual.Activity}
		}
		if s.manual.Note != "" {
			p.Notes = []string{s.manual.Note}
		}
	} else {
		s.doing(p, used)
	}
	if len(p.Activities)+len(p.Notes)+len(p.Extra) == 0 && !p.Idle {
		return nil
	}
	return p
}

// doing adds up what calls, calendar and devices say.
func (s *sources) doing(p *pidf.Person, used []*publication) {
	if s.calls > 0 {
		p.Activities = append(p.Activities, "on-the-phone")
	}
	if s.calendar.Activity != "" {
		p.Activities = append(p.Activities, s.calendar.Activity)
		if s.calendar.Note != "" {
			p.Notes = append(p.Notes, s.calendar.Note)
		}
	}
	var last *pidf.Person
	everywhere := true // he is away from every device
	for _, u := range used {
		if !u.doc.Open() {
			continue
		}
		if u.doc.Person == nil || !away(u.doc.Person) {
			everywhere = false
		}
		if last == nil && u.doc.Person != nil && (!away(u.doc.Person) || len(used) == 1) {
			last = u.doc.Person
		}
	}
	if last == nil && everywhere {
		for _, u := range used {
			if u.doc.Person != nil {
				last = u.doc.Person
				break
			}
		}
	}
	if last == nil {
		return
	}
	for _, a := range last.Activities {
		if !slices.Contains(p.Activities, a) && (everywhere || !absent(a)) {
			p.Activities = append(p.Activities, a)
		}
	}
	p.Notes = append(p.Notes, last.Notes...)
	p.Idle, p.LastInput = last.Idle && everywhere, last.LastInput
	p.Extra = last.Extra
}

// away reports whether somebody is not at the device that says so.
func away(p *pidf.Person) bool { return p.Idle || slices.ContainsFunc(p.Activities, absent) }

// absent are the activities of RFC 4480 that say of a device: he is not here.
func absent(activity string) bool {
	switch activity {
	case "away", "sleeping", "permanent-absence", "vacation", "holiday":
		return true
	}
	return false
}

// lastUsed is when the device of a publication was used last, as far as it says.
func (p *publication) lastUsed() time.Time {
	if q := p.doc.Person; q != nil {
		switch {
		case q.Idle && !q.LastInput.IsZero():
			return q.LastInput
		case away(q) && !q.Since.IsZero() && q.Since.Before(p.since):
			return q.Since
		}
	}
	return p.since
}

// publishes reports whether the device of a binding has published something: by
// the connection or address it sends from, or the contact it names.
func (s *sources) publishes(b *location.Binding) bool {
	return slices.ContainsFunc(s.published, func(p *publication) bool { return p.of(b) })
}

func (p *publication) of(b *location.Binding) bool {
	if b.Flow.Remote.IsValid() && b.Flow.Remote == p.flow.Remote {
		return true
	}
	return slices.ContainsFunc(p.doc.Tuples, func(t pidf.Tuple) bool { return t.Contact == b.URI })
}

// registered reports whether the device of a publication is here.
func (s *sources) registered(p *publication) bool {
	return slices.ContainsFunc(s.bindings, func(b location.Binding) bool { return p.of(&b) })
}

// ofSilent reports whether a publication is of a device that does not answer.
func (s *sources) ofSilent(p *publication) bool {
	return slices.ContainsFunc(s.silent, func(b location.Binding) bool { return p.of(&b) })
}

// short is a name for a text that is a valid id of XML.
func short(s string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s))
	return strconv.FormatUint(uint64(h.Sum32()), 36)
}

func bit(b bool) int { return cmp.Compare(map[bool]int{true: 1}[b], 0) }

// Summary is a document in a word or two, for people.
func Summary(d *pidf.Document) string {
	switch {
	case !d.Open() && d.Activity() != "":
		return "offline, " + strings.Join(d.Person.Activities, ", ")
	case !d.Open():
		return "offline"
	case d.Activity() != "":
		return strings.Join(d.Person.Activities, ", ")
	case d.Person != nil && d.Person.Idle:
		return "idle"
	}
	return "available"
}
