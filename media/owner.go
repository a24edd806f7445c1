package media

import "tandem/media/bridge"

// owner is a session in the role of its bridge's owner.
type owner Session

// Post tells the session's listener.
func (o *owner) Post(e Event) { (*Session)(o).post(e) }

// Soon runs a task with ctl held, unless the session has ended.
func (o *owner) Soon(task func()) {
	s := (*Session)(o)
	s.later(func() {
		s.ctl.Lock()
		defer s.ctl.Unlock()
		if !s.gone {
			task()
		}
	})
}

// Asked returns what is wanted of the audio now. The caller holds ctl.
func (o *owner) Asked() bridge.Demand {
	d := bridge.Demand{Listeners: o.listeners}
	for w, side := range o.sides {
		d.Tones[w] = side.Want().Tones
	}
	if !o.spoilt {
		d.Recorder = o.recorder
	}
	return d
}
