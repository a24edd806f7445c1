package gateway

import (
	"reflect"

	"tandem/pint"
	"tandem/pint/executive"
	"tandem/pint/multipart"
	"tandem/pint/sdp"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
)

// reinvite answers a re-INVITE. While the service waits for its time, t= may be changed,
// and the answer is sent when the new time is on disk. The same description, or none, is
// given back as it is now. All else is refused: 488 what cannot be changed at all, 606
// what cannot be any more, or cannot be done then.
func (g *Gateway) reinvite(s *dialog.Session, in *dialog.Incoming) {
	session, ok := g.exec.Session(id(s))
	if !ok {
		session.ID = id(s)
		if in.Identity != nil {
			session.By = in.Identity.AOR
		}
		g.decline(s, in, &session, pint.Refuse(606, "the service has ended: ask for it anew"))
		return
	}
	if len(in.Body()) == 0 { // keeps the dialog alive
		g.agree(in, &session)
		return
	}
	body, err := multipart.Split(in.Get(sip.HdrContentType), in.Body())
	if err != nil {
		g.decline(s, in, &session, unreadable(err))
		return
	}
	asked, err := sdp.Parse(body.Description)
	if err != nil {
		g.decline(s, in, &session, pint.Refuse(400, "%v", err))
		return
	}
	was, err := sdp.Parse([]byte(session.Description))
	asked = withoutSecrets(asked)
	switch {
	case err != nil || !onlyTimes(was, asked):
		g.decline(s, in, &session, pint.Refuse(488, "of a request only its time (t=) can be changed: end it by BYE, and send a new one"))
		return
	case was.Start == asked.Start && was.Stop == asked.Stop:
		g.agree(in, &session)
		return
	}
	t := executive.Times{At: asked.StartTime(), Until: asked.StopTime(), Description: string(asked.Append(nil))}
	err = g.exec.Reschedule(session.ID, t, func(now pint.Session, err error) {
		if err != nil {
			g.decline(s, in, &now, err)
			return
		}
		g.record(Row{Deed: Move, Order: now.Order, Session: &now}, func(lost error) {
			if lost != nil {
				g.tellLost(lost) // the new time holds all the same
			}
			s.Do(func() { g.agree(in, &now) })
		})
	})
	if err != nil {
		g.decline(s, in, &session, err)
	}
}

// onlyTimes reports whether a description is that of before but for its times, and for
// what says nothing: version, name, information.
func onlyTimes(was, asked *sdp.Description) bool {
	plain := func(d *sdp.Description) sdp.Description {
		c := *d
		c.Origin.Version, c.Name, c.Info, c.More, c.Start, c.Stop = "", "", "", nil, 0, 0
		return c
	}
	return reflect.DeepEqual(plain(was), plain(asked))
}

func (g *Gateway) agree(in *dialog.Incoming, session *pint.Session) {
	c := g.status.Document(session)
	c.Header = append(c.Header, g.expires()...)
	in.Respond(200, c)
}

// decline answers a re-INVITE by an error, once that is on record.
func (g *Gateway) decline(s *dialog.Session, in *dialog.Incoming, session *pint.Session, err error) {
	g.record(Row{Deed: Move, Order: session.Order, Session: session, Refused: err}, func(lost error) {
		if lost != nil {
			err = g.unrecorded(lost)
		}
		st := g.refusal(err)
		s.Do(func() { in.Respond(st.Code, dialog.Content{Header: st.Header}) })
	})
}
