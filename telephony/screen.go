package telephony

import "tandem/media"

// Proceed goes on with a call that Options.Hold has wait since its first party
// answered: B is called, or what is to be heard is played. For any other call it does
// nothing.
func (c *Call) Proceed() {
	c.box.Must(func() {
		if !c.over && c.origin != nil && c.origin.held {
			c.proceed()
		}
	})
}

// proceed does what a call is for, once its first party has answered.
func (c *Call) proceed() {
	c.origin.held = false
	if c.origin.play != nil || c.origin.trial != nil {
		c.hears()
		return
	}
	c.callB()
}

// Speak plays WAV files to A, or to B once B has answered, in place of what the call was
// for, and then ends the call. The other party is not called any more, or hears nothing
// meanwhile.
func (c *Call) Speak(to media.Which, files []string) {
	c.box.Must(func() {
		o := c.origin
		if c.over || o == nil || !o.reached || to == media.B && c.callee == nil {
			return
		}
		o.held, o.play, o.to = false, &files, to
		c.rounds = nil
		c.cancelAll("")
		c.wait(0)
		c.limit.Stop()
		if c.record.Answered.IsZero() {
			c.hears()
			return
		}
		c.playNext()
	})
}

// overhear has what a party says told to who made the call, until that wants no more.
func (c *Call) overhear(side media.Which) {
	hear := c.origin.Hear
	if hear == nil {
		return
	}
	var l *media.Listener
	over := false // only of the worker that calls hear
	l, err := c.media.Listen(side, 8000, func(pcm []int16) {
		if over || hear(side, pcm) {
			return
		}
		over = true
		c.box.Must(func() { l.Stop() })
	})
	if err != nil {
		c.log.Warn("a party cannot be listened to", "err", err)
		return
	}
}
