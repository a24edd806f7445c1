package media

import "errors"

// ErrSame says that a side was to take a place of its own session, or one of
// another server, which has none of its ports.
var ErrSame = errors.New("a side can move to another session of the same media server only")

// move takes a side with its agent, ports, keys and figures to another session, in
// place of what is there, which is the caller's to keep or to close. What was
// played to it ends. Called with ctl of both sessions held; rejoin must follow in
// both.
func (d *side) move(to *Session, as Which) {
	from, was := d.session, d.which
	from.bridge.Move(was, to.bridge, as)
	d.session, d.which = to, as
	to.sides[as] = d
	if from.sides[was] == d {
		from.sides[was] = &side{session: from, which: was}
	}
}

// rejoin puts what both sides have agreed to into force again, after one of them
// changed. Called with ctl held.
func (s *Session) rejoin() error {
	s.bridge.Begun()
	var failed error
	for _, d := range s.sides {
		if d.Agreed() != nil {
			failed = errors.Join(failed, d.connect(false))
		}
	}
	return failed
}
