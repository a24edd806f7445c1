package ng

import (
	"errors"

	"tandem/media"
)

// A proxy that forks identifies its branches by the branch of its Via: each gets an
// offer of its own, and answers by itself. Without that, all branches share one offer,
// like one party that changes its answer.

// branch is one of them, and its network.
type branch struct {
	*media.Branch
	network string
}

// viaBranch returns the name of the branch of a request, "" when it has none.
func viaBranch(r Dict) string {
	name := r.String("via-branch")
	if name == "" {
		name = r.String("via branch")
	}
	if name == "auto" || name == "extra" || name == "next" || len(name) > maxName {
		return "" // a proxy's placeholder that was not filled in
	}
	return name
}

// fork makes an offer to one branch of a call's far side. The first one opens it.
func (c *call) fork(name string, text []byte, w media.Want) ([]byte, error) {
	b := c.forks[name]
	if b == nil {
		opened, err := c.session.Branch(name)
		if err != nil {
			return nil, err
		}
		if b = (&branch{Branch: opened}); c.forks == nil {
			c.forks, c.tagged = map[string]*branch{}, map[string]*branch{}
		}
		c.forks[name] = b
	}
	b.network = w.Interface
	out, err := c.session.OfferBranch(b.Branch, text, w)
	if err != nil {
		b.Drop()
		delete(c.forks, name)
	}
	return out, err
}

// join takes an answer of the far side and returns the one for the offerer, who may
// have got another one before: each branch is a dialog of its own.
func (c *call) join(r Dict, offerer media.Which, text []byte, w media.Want) ([]byte, error) {
	switch b, err := c.forkOf(r, text); {
	case err != nil:
		return nil, err
	case b != nil:
		if err := b.Early(); err != nil {
			return nil, err
		}
		c.interfaces[media.B] = b.network
	default:
		if err := c.session.TakeAnswer(offerer.Other(), text); err != nil {
			return nil, err
		}
	}
	if c.session.Awaits(offerer) {
		return c.session.MakeAnswer(offerer, w)
	}
	return c.session.AnswerAgain(offerer, w)
}

// forkOf gives an answer to its branch: the one named by its Via or by an earlier tag,
// otherwise the first whose offer it fits. nil: there are no branches.
func (c *call) forkOf(r Dict, text []byte) (*branch, error) {
	if len(c.forks) == 0 {
		return nil, nil
	}
	tag := r.String("to-tag")
	b := c.forks[viaBranch(r)]
	if b == nil {
		b = c.tagged[tag]
	}
	if b != nil {
		c.tag(tag, b)
		return b, b.TakeAnswer(text)
	}
	failed := errors.New("no branch was offered anything")
	for _, opened := range c.session.Branches() {
		b := c.forks[opened.ID()]
		if failed = b.TakeAnswer(text); failed == nil {
			c.tag(tag, b)
			return b, nil
		}
	}
	return nil, failed
}

func (c *call) tag(tag string, b *branch) {
	if tag != "" && len(c.tagged) < 64 {
		c.tagged[tag] = b
	}
}

// settle ends the forking: the branch that was last heard is the far side.
func (c *call) settle() {
	if h := c.session.Heard(); h != nil {
		_ = h.Choose() // it is heard, so nothing can fail any more
	}
	c.forks, c.tagged = nil, nil
}

// drop ends the branch named in a deletion, if there is one and others are left.
func (c *call) drop(r Dict) bool {
	name := viaBranch(r)
	b := c.forks[name]
	if b == nil || len(c.forks) == 1 {
		return false
	}
	b.Drop()
	delete(c.forks, name)
	return true
}
