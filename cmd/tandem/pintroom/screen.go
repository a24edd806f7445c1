package pintroom

import (
	"sync"
	"time"

	"tandem/media"
	"tandem/pint"
	"tandem/pint/machine"
)

// screen listens to those who answer a call of PINT, and tells persons from
// answering machines.
type screen struct {
	steps *steps
	mu    sync.Mutex
	sides [2]*machine.Detector
	is    [2]machine.Heard
}

// noSound is how long a party may send nothing that could be heard at all. It is taken
// for a person then.
const noSound = 6 * time.Second

// answered begins to wait for what the first party says.
func (s *screen) answered() {
	time.AfterFunc(noSound, func() { s.told(media.A, machine.Person) })
}

// hear takes what a side says: telephony.Options.Hear.
func (s *screen) hear(side media.Which, pcm []int16) (more bool) {
	s.mu.Lock()
	d := s.sides[side]
	if d == nil {
		d = machine.New(machine.Rule{}, 8000)
		s.sides[side] = d
	}
	s.mu.Unlock()
	if heard := d.Hear(pcm); heard != machine.Nothing { // one call at a time for each side
		s.told(side, heard)
	}
	return !d.Done()
}

// told passes on what is known of a side, once: what comes after noSound is too late.
func (s *screen) told(side media.Which, heard machine.Heard) {
	s.mu.Lock()
	before := s.is[side]
	fits := before == machine.Nothing && heard != machine.Over || before == machine.Machine && heard == machine.Over
	if fits {
		s.is[side] = heard
	}
	s.mu.Unlock()
	if !fits {
		return
	}
	step := map[machine.Heard]pint.Step{machine.Person: pint.Person, machine.Machine: pint.Machine, machine.Over: pint.GreetingOver}[heard]
	s.steps.step(pint.Progress{Step: step, Second: side == media.B}, false)
}
