package peers

import (
	"errors"

	"tandem/interop/process"
)

// onFreePort starts a program, again at another port when somebody has taken its port since
// it was chosen: a test would have a stranger answer in its place.
func onFreePort[P any](start func() (P, error)) (p P, err error) {
	for range 3 {
		if p, err = start(); !errors.Is(err, process.ErrEnded) {
			break
		}
	}
	return p, err
}
