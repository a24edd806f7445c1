package media

import "errors"

// errSame means that a side was to move within its own session, or to another server,
// which does not have its ports.
var errSame = errors.New("a side can move to another session of the same media server only")

// move takes a side with its agent, ports, keys and figures to another session. The
// side that it replaces has been emptied or has ended; it takes the place that becomes
// free. What was played to the moved one ends. The caller holds ctl of both sessions and
// must call rejoin in both afterwards.
func (d *side) move(to *Session, as Which) {
	from, was := d.session, d.which
	from.bridge.Move(was, to.bridge, as)
	empty := to.sides[as]
	d.session, d.which = to, as
	to.sides[as] = d
	if from.sides[was] == d {
		*empty = side{session: from, which: was}
		from.sides[was] = empty
	}
}

// rejoin puts what both sides have agreed to into force again, after one of them
// changed. The caller holds ctl.
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
