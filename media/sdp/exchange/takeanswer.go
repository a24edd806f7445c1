package exchange

import (
	"strings"

	"tandem/media/sdp"
)

// TakeAnswer takes the answer to the last Offer. It is tolerant; an answer that does
// not fit the offer (another number of m-lines, codecs not offered) is an *Error with
// 488. A second answer to the same offer is accepted: gateways repeat it in the 200
// after a 183, and a forked call has one from each branch.
func (a *Agent) TakeAnswer(d *sdp.Description) ([]Agreed, error) {
	if d == nil || a.local == nil || a.state != offering && a.state != answered {
		return nil, ErrNoOffer
	}
	ours := a.local.Media
	if err := fits(ours, d); err != nil {
		return nil, err
	}
	via := transports(d, bundles(d), func(i int) bool { return i < len(ours) && ours[i].Port != 0 && d.Media[i].Port != 0 })
	list := make([]Agreed, len(ours))
	var failed *sdp.Error
	alive := false
	for i := range ours {
		if i >= len(d.Media) {
			list[i] = Agreed{Kind: ours[i].Kind, Proto: ours[i].Proto, Refusal: "not answered"}
			continue
		}
		theirs := &d.Media[i]
		if ours[i].Port == 0 || theirs.Port == 0 {
			list[i] = refused(theirs, unacceptable(theirs.Line, 0, "refused by port 0"))
			continue
		}
		g, err := a.takeMedia(i, theirs, &d.Media[via[i]])
		if err != nil {
			list[i] = refused(theirs, err)
			if failed == nil {
				failed = err
			}
			continue
		}
		list[i], alive = g, true
	}
	if failed != nil && !alive {
		return nil, failed
	}
	a.remote = d
	a.agree(answered, list)
	return list, nil
}

// fits compares the m-lines. Missing ones at the end count as refused, and superfluous
// ones with port 0 are ignored.
func fits(ours []sdp.Media, d *sdp.Description) error {
	if len(ours) > 0 && len(d.Media) == 0 {
		return unacceptable(0, warnMediaType, "the answer has no m= line; it needs one for each of the %d offered", len(ours))
	}
	for i := range d.Media {
		m := &d.Media[i]
		switch {
		case i < len(ours):
			if !strings.EqualFold(m.Kind, ours[i].Kind) {
				return unacceptable(m.Line, warnMediaType, "m=%s answers m=%s; m-lines keep their places", m.Kind, ours[i].Kind)
			}
		case m.Port != 0:
			return unacceptable(m.Line, warnMediaType, "the answer has more m= lines than the %d offered", len(ours))
		}
	}
	return nil
}

func (a *Agent) takeMedia(i int, theirs, via *sdp.Media) (Agreed, *sdp.Error) {
	ours := &a.local.Media[i]
	if ours.RTP() != theirs.RTP() {
		return Agreed{}, unacceptable(theirs.Line, warnOther, "%s answers %s", sdp.Quote(theirs.Proto), sdp.Quote(ours.Proto))
	}
	var codecs []AgreedCodec
	if ours.RTP() {
		list := named(theirs.Codecs, ours.Codecs)
		pairs := match(list, ours.Codecs, true)
		codecs = make([]AgreedCodec, 0, len(pairs))
		for _, p := range pairs {
			codecs = append(codecs, AgreedCodec{
				Codec: list[p.a], Send: list[p.a].PayloadType, Receive: ours.Codecs[p.b].PayloadType,
			})
		}
		main := false
		for _, c := range codecs {
			main = main || c.Main()
		}
		if !main {
			return Agreed{}, unacceptable(theirs.Line, warnMediaFormat, "no codec in common: answered are %s, offered were %s",
				names(theirs.Codecs), names(ours.Codecs))
		}
	} else if len(commonFormats(ours.Formats, theirs.Formats)) == 0 {
		return Agreed{}, unacceptable(theirs.Line, warnMediaFormat, "formats %s answer %s",
			sdp.Quote(strings.Join(theirs.Formats, " ")), sdp.Quote(strings.Join(ours.Formats, " ")))
	}
	s, err := secureOffer(ours, theirs, via)
	if err != nil {
		return Agreed{}, err
	}
	if s.setup != "" {
		a.slots[i].setup = s.setup
	}
	return outcome(ours, theirs, via, codecs, s), nil
}
