package exchange

import (
	"cmp"
	"strings"

	"tandem/media/sdp"
)

// TakeOffer takes an offer of this side. Nothing is agreed until Answer. An offer
// replaces one that is not answered yet. An unchanged o= means nothing: some phones
// hold without raising the version.
func (a *Agent) TakeOffer(d *sdp.Description) error {
	if a.state == offering {
		return ErrPending
	}
	if d == nil {
		return ErrNoOffer
	}
	if len(d.Media) > sdp.MaxMedia {
		return unacceptable(0, warnOther, "more than %d m= lines", sdp.MaxMedia)
	}
	if err := a.swapped(d); err != nil {
		return err
	}
	a.remote, a.state = d, offered
	return nil
}

// swapped refuses an offer whose m-lines changed places (§8: their order stays). A line
// may change its kind, as fax does (§8.3.3).
func (a *Agent) swapped(d *sdp.Description) error {
	if a.agreedRemote == nil || !a.agreedRemote.Origin.Same(d.Origin) {
		return nil
	}
	old := a.agreedRemote.Media
	n := min(len(old), len(d.Media))
	for i := range n {
		if old[i].Port == 0 || d.Media[i].Port == 0 || old[i].Kind == d.Media[i].Kind {
			continue
		}
		for j := range n {
			if j != i && old[j].Port != 0 && old[j].Kind == d.Media[i].Kind && d.Media[j].Kind == old[i].Kind {
				return unacceptable(d.Media[i].Line, warnMediaType,
					"m=%s stands where m=%s was; m-lines keep their places", d.Media[i].Kind, old[i].Kind)
			}
		}
	}
	return nil
}

// guarded reports whether an m-line was agreed with a secure profile.
func (a *Agent) guarded(i int) bool {
	return i < len(a.alive) && a.alive[i] && i < len(a.agreedRemote.Media) &&
		(sdp.DemandsSRTP(a.agreedRemote.Media[i].Proto) || sdp.DemandsSRTP(a.agreedLocal.Media[i].Proto))
}

// takesAway returns the error for an m-line offered in clear that was protected before;
// nil if it is not RTP or asks for protection.
func takesAway(m *sdp.Media) *sdp.Error {
	if !m.RTP() || sdp.DemandsSRTP(m.Proto) {
		return nil
	}
	return unacceptable(m.Line, warnOther, "%s where the call was protected; offer SRTP", sdp.Quote(m.Proto))
}

// Unprotected returns the error that Answer will return when the current offer takes
// away an agreed protection, so that it is known before anybody else is asked.
func (a *Agent) Unprotected() error {
	if a.state != offered || a.agreedRemote == nil || !a.agreedRemote.Origin.Same(a.remote.Origin) {
		return nil
	}
	for i := range a.remote.Media {
		m := &a.remote.Media[i]
		if m.Port == 0 || !a.guarded(i) || len(m.Crypto) > 0 || m.Fingerprint.Value != "" {
			continue
		}
		if err := takesAway(m); err != nil {
			return err
		}
	}
	return nil
}

// Answer writes the answer to the last TakeOffer, with one Line for each offered
// m-line. The Codecs of a line are those we can use; the answer has those that were
// offered, with the offerer's numbers, in our order unless ours is empty. A line
// without a common codec is refused with port 0; if none is left, the error is an
// *Error with 488.
func (a *Agent) Answer(lines []Line) (*sdp.Description, []Agreed, error) {
	if a.state != offered {
		return nil, nil, ErrNoOffer
	}
	w := a.answering(lines)
	d := &sdp.Description{Time: w.offer.Time, Media: make([]sdp.Media, len(w.offer.Media))}
	for i := range w.offer.Media {
		w.media(&d.Media[i], i)
	}
	if err := w.nothingLeft(); err != nil {
		return nil, nil, err
	}
	w.bundle(d)
	for i := range d.Media {
		w.attributes(&d.Media[i], i)
	}
	a.session(d, w.lines)
	before := a.slots
	a.slots = w.slots
	sent, err := a.send(d)
	if err != nil {
		a.slots = before
		return nil, nil, err
	}
	a.local = sent
	list := w.agreed(sent)
	a.agree(idle, list)
	return sent, list, nil
}

// answering holds the state of writing one answer.
type answering struct {
	offer *sdp.Description
	lines []Line
	slots []*slot
	parts []part
	via   []int // for each m-line of the offer: the one whose transport it uses
}

// part is the answer for one m-line.
type part struct {
	refusal *sdp.Error // nil when accepted
	off     bool       // the offer had port 0
	before  []sdp.Codec
	guarded bool // its profile has been secure so far
	codecs  []AgreedCodec
	written []sdp.Codec
	numbers renumbering // from the numbers of our Line to those written
	secured secured
	mux     bool
}

func (a *Agent) answering(lines []Line) *answering {
	w := &answering{offer: a.remote, parts: make([]part, len(a.remote.Media))}
	w.lines = make([]Line, len(a.remote.Media))
	copy(w.lines, lines)
	fresh := a.agreedRemote != nil && !a.agreedRemote.Origin.Same(a.remote.Origin)
	for i := range w.offer.Media {
		s, m := newSlot(), &w.offer.Media[i]
		// A line that was off may become another stream (§8.2).
		if i < len(a.slots) && i < len(a.alive) && a.alive[i] && !fresh {
			s = a.slots[i].clone()
		}
		w.slots = append(w.slots, s)
		if old := a.agreedRemote; old != nil && !fresh && i < len(old.Media) {
			w.parts[i].before = old.Media[i].Codecs
			w.parts[i].guarded = a.guarded(i)
		}
		w.lines[i].Codecs = complete(w.lines[i].Codecs)
		if w.lines[i].Kind == "" {
			w.lines[i].Kind = m.Kind
		}
	}
	if n := len(w.offer.Media); n < len(a.slots) && !fresh {
		w.slots = append(w.slots, a.slots[n:]...)
	}
	w.via = transports(w.offer, bundles(w.offer), func(i int) bool {
		return w.lines[i].Port != 0 && (w.offer.Media[i].Port != 0 || w.offer.Media[i].BundleOnly())
	})
	return w
}

// media decides on one m-line and writes everything except its attributes.
func (w *answering) media(m *sdp.Media, i int) {
	theirs, line, p := &w.offer.Media[i], &w.lines[i], &w.parts[i]
	m.Kind, m.Proto, m.Formats = theirs.Kind, theirs.Proto, theirs.Formats
	if p.refusal = w.decide(i); p.refusal != nil {
		p.off = theirs.Port == 0 && !theirs.BundleOnly()
		if len(m.Formats) == 0 {
			m.Formats = []string{"0"} // the grammar requires a format
		}
		return
	}
	m.Port, m.Connection, m.Bandwidth, m.Info = line.Port, line.Addr, line.Bandwidth, line.Info
	p.mux = theirs.RTP() && line.Mux && (theirs.Mux || w.offer.Media[w.via[i]].Mux)
	if !theirs.RTP() {
		m.Formats = commonFormats(line.Formats, theirs.Formats)
	}
}

// decide returns why an m-line cannot be accepted, or nil.
func (w *answering) decide(i int) *sdp.Error {
	theirs, line, p := &w.offer.Media[i], &w.lines[i], &w.parts[i]
	switch {
	case theirs.Port == 0 && !theirs.BundleOnly():
		return unacceptable(theirs.Line, 0, "m=%s is switched off", theirs.Kind)
	case line.Port == 0 || !strings.EqualFold(line.Kind, theirs.Kind):
		return unacceptable(theirs.Line, warnMediaType, "m=%s %s is not taken here", theirs.Kind, theirs.Proto)
	case !theirs.RTP() && (sdp.CarriesRTP(line.Proto) || len(commonFormats(line.Formats, theirs.Formats)) == 0):
		return unacceptable(theirs.Line, warnMediaFormat, "m=%s %s with formats %s is not taken here",
			theirs.Kind, theirs.Proto, sdp.Quote(strings.Join(theirs.Formats, " ")))
	}
	if theirs.RTP() {
		if w.codecs(i); len(p.codecs) == 0 {
			return unacceptable(theirs.Line, warnMediaFormat, "no codec in common: offered are %s, taken are %s",
				names(theirs.Codecs), names(line.Codecs))
		}
	}
	var err *sdp.Error
	p.secured, err = secureAnswer(theirs, &w.offer.Media[w.via[i]], line, w.slots[i].setup)
	if err == nil && p.guarded && !p.secured.sdes && !p.secured.dtls && !line.Unprotected {
		return takesAway(theirs)
	}
	return err
}

// commonFormats returns the common formats of media other than RTP, as the offer spells
// them.
func commonFormats(ours, theirs []string) []string {
	var both []string
	for _, f := range theirs {
		for _, o := range ours {
			if strings.EqualFold(f, o) {
				both = append(both, f)
				break
			}
		}
	}
	return both
}

func names(list []sdp.Codec) string {
	var b strings.Builder
	for i, c := range list {
		if i == 8 {
			b.WriteString(" ...")
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strings.Trim(sdp.Quote(cmp.Or(c.Name, "unnamed")), `"`))
	}
	return cmp.Or(b.String(), "none")
}

// codecs pairs our codecs with those offered and gives each its numbers.
func (w *answering) codecs(i int) {
	theirs, line, p := w.offer.Media[i].Codecs, w.lines[i].Codecs, &w.parts[i]
	theirs = named(theirs, p.before)
	ours := line
	if len(ours) == 0 {
		ours = theirs
	}
	pairs := match(ours, theirs, false)
	main := false
	for _, q := range pairs {
		main = main || theirs[q.b].Main()
	}
	if !main {
		return // keys alone do not make a stream
	}
	t := &w.slots[i].table(w.offer.Media[i].Kind).ours
	t.begin(len(pairs))
	numbers := answerNumbers(*t, theirs, pairs)
	p.written, p.codecs = make([]sdp.Codec, 0, len(pairs)), make([]AgreedCodec, 0, len(pairs))
	var own renumbering // from the offerer's numbers to those written
	for k, q := range pairs {
		if numbers[k] == noNumber {
			continue
		}
		own.set(theirs[q.b].PayloadType, numbers[k])
		p.numbers.set(ours[q.a].PayloadType, numbers[k])
	}
	for k, q := range pairs {
		c := theirs[q.b]
		if numbers[k] == noNumber {
			continue
		}
		written := c
		written.PayloadType, written.Fmtp, written.Feedback = numbers[k], answerFmtp(ours[q.a], c), ours[q.a].Feedback
		if references(c) {
			rebased, ok := rebase(c, &own)
			if !ok {
				continue
			}
			written.Fmtp = rebased.Fmtp
		}
		t.keep(numbers[k], written)
		p.written = append(p.written, written)
		p.codecs = append(p.codecs, AgreedCodec{Codec: c, Send: c.PayloadType, Receive: numbers[k]})
	}
}

// answerNumbers returns the numbers that we write for the pairs: those of the offerer
// (RFC 3264 §6.1), or our own if we gave that number another meaning before (§8.3.2).
func answerNumbers(t numbers, theirs []sdp.Codec, pairs []pair) []uint8 {
	list := make([]uint8, len(pairs))
	var taken numberSet
	for k, q := range pairs {
		c := theirs[q.b]
		if t.fits(c.PayloadType, c) {
			list[k] = c.PayloadType
			taken.add(c.PayloadType)
		}
	}
	for k, q := range pairs {
		c := theirs[q.b]
		if t.fits(c.PayloadType, c) {
			continue
		}
		n, ok := t.of(c, &taken)
		for f := uint8(96); !ok && f < 128; f++ {
			n, ok = f, t.find(f) == nil && !taken.has(f) && !offeredNumber(theirs, f)
		}
		if !ok {
			n = noNumber
		}
		list[k] = n
		taken.add(n)
	}
	return list
}

// noNumber marks a codec that is left out because all numbers have a meaning.
const noNumber = 255

func offeredNumber(list []sdp.Codec, n uint8) bool {
	for _, c := range list {
		if c.PayloadType == n {
			return true
		}
	}
	return false
}
