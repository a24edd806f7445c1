package telephony

import (
	"tandem/media"
	"tandem/rtc/sip"
)

// takeOffer takes the description in the caller's INVITE. Without one the call
// begins with an offer of ours in the 200 (RFC 3261 §13.2.1).
func (l *leg) takeOffer(m *sip.Message) error {
	body := descriptionIn(m)
	l.c.media.Near(l.side, m.Source.Addr())
	if body == nil {
		l.late = true
		return nil
	}
	l.theirs = body
	return l.c.media.TakeOffer(l.side, body)
}

// offer writes the offer to a leg of ours, after what the caller offered.
func (l *leg) offer() (text []byte, err error) {
	l.ours, err = l.c.media.MakeOffer(media.B, l.want)
	return l.ours, err
}

// earlyMedia takes a description that came before the answer and returns the
// one for the caller, nil when the caller has made no offer.
func (l *leg) earlyMedia(m *sip.Message) ([]byte, error) {
	body := descriptionIn(m)
	if body == nil {
		return nil, errNoDescription
	}
	if err := l.c.media.TakeAnswer(media.B, body); err != nil {
		return nil, err
	}
	l.theirs = body
	a := l.c.caller
	if a.late {
		return nil, nil
	}
	var err error
	a.ours, err = l.c.media.MakeAnswer(media.A, a.want)
	return a.ours, err
}

// choose takes the answer of the leg that was answered and returns the
// description for the caller's 200.
func (l *leg) choose(m *sip.Message) ([]byte, error) {
	c := l.c
	body := descriptionIn(m)
	switch {
	case body != nil:
		if err := c.media.TakeAnswer(media.B, body); err != nil {
			return nil, err
		}
		l.theirs = body
	case l.theirs == nil:
		return nil, errNoDescription
	}
	a := c.caller
	var err error
	switch {
	case a.late:
		a.ours, err = c.media.MakeOffer(media.A, a.want)
	case c.early == nil:
		a.ours, err = c.media.MakeAnswer(media.A, a.want)
	}
	return a.ours, err
}

// drop frees what a leg of ours has of the media.
func (l *leg) drop() {}
