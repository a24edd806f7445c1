package telephony

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tandem/media"
	"tandem/media/sound"
	"tandem/rtc"
	"tandem/telephony/cdr"
	"tandem/telephony/rights"
)

// Recording begins to record the sound of a call in Config.Recordings, the caller
// left and the called side right, or ends it. It returns the name of the file. ctx
// bounds the wait. The error is a *rtc.Status, or says what is wrong with the folder.
func (c *Call) Recording(ctx context.Context, on bool, who string) (name string, err error) {
	err = c.ask(ctx, func() error {
		if on {
			name, err = c.startRecording(who)
			return err
		}
		name, err = c.stopRecording(who)
		return err
	})
	return name, err
}

// tape is a recording under way.
type tape struct {
	name string
	beep *time.Timer
}

// beepEvery is how often those who are recorded are told so, where that is wanted.
const beepEvery = 15 * time.Second

func (c *Call) startRecording(who string) (string, error) {
	switch {
	case c.x.cfg.Recordings == "":
		return "", &rtc.Status{Code: 403, Reason: "Calls Are Not Recorded Here"}
	case c.record.Answered.IsZero():
		return "", &rtc.Status{Code: 403, Reason: "Not Before the Answer"}
	case c.tape != nil:
		return c.tape.name, nil
	}
	if err := os.MkdirAll(c.x.cfg.Recordings, 0o700); err != nil {
		return "", err
	}
	c.tapes++
	name := fmt.Sprintf("%s-%s-%d.wav", time.Now().UTC().Format("20060102-150405.000"), c.id, c.tapes)
	if err := c.media.Record(filepath.Join(c.x.cfg.Recordings, name)); err != nil {
		return "", err
	}
	c.tape = &tape{name: name}
	c.note(cdr.Recording, who+" "+name)
	c.tell(Changed)
	if c.x.cfg.RecordingTone {
		c.beep()
	}
	return name, nil
}

// beep lets both sides hear that the call is recorded, over an announcement, music or a
// conference that goes on beneath it.
func (c *Call) beep() {
	if c.over || c.tape == nil {
		return
	}
	for _, side := range []media.Which{media.A, media.B} {
		if err := c.media.ToneOver(side, c.x.cfg.Country, sound.Waiting, 300*time.Millisecond); err != nil && !errors.Is(err, media.ErrNoAudio) {
			c.log.Warn("no tone for a recording", "err", err)
		}
	}
	c.tape.beep = time.AfterFunc(beepEvery, func() { c.box.Post(c.beep) })
}

// resume lets a leg hear again what it should, when what was played to it has ended: the
// conference it is in, or the music or the tone of those who wait.
func (c *Call) resume(l *leg) {
	other := c.other(l)
	switch {
	case c.over || l == nil || l.session == nil:
	case c.seats[l.side] != nil:
		if err := c.seats[l.side].Hear(); err != nil {
			c.log.Warn("a conference is not heard", "leg", l.callID, "err", err)
		}
	case c.parked != nil:
		c.entertain(l)
	case c.transfer != nil && c.transfer.by != l && c.transfer.rings:
		c.ringback(l)
	case other != nil && other.holding:
		c.music(l)
	}
}

// recordByPolicy records a call of those whose calls are.
func (c *Call) recordByPolicy() {
	if c.over {
		return
	}
	for _, l := range []*leg{c.caller, c.callee} {
		if l == nil || l.Who.User == "" || !c.x.cfg.Router.May(l.Who.User, rights.Recorded) {
			continue
		}
		if c.x.cfg.Recordings == "" {
			c.log.Error("a call that policy wants recorded is not: telephony.recordings is not set", "aor", string(l.Who.User))
		} else if _, err := c.startRecording("policy"); err != nil {
			c.log.Error("a call that policy wants recorded is not", "aor", string(l.Who.User), "err", err)
		}
		return
	}
}

// mayRecord reports whether a party may have its calls recorded by a key or a button.
func (l *leg) mayRecord() bool {
	return l.Who.User != "" && l.c.x.cfg.Router.May(l.Who.User, rights.RecordOwn)
}

// recordBy begins or ends a recording for a party that asks by a key or a button of its
// phone; the error is a *rtc.Status.
func (c *Call) recordBy(l *leg, on bool) error {
	if !l.mayRecord() {
		return &rtc.Status{Code: 403, Reason: "Not Allowed to Record"}
	}
	var err error
	if on {
		_, err = c.startRecording(string(l.Who.User))
	} else {
		_, err = c.stopRecording(string(l.Who.User))
	}
	return err
}

func (c *Call) stopRecording(who string) (string, error) {
	if c.tape == nil {
		return "", &rtc.Status{Code: 404, Reason: "Not Recorded"}
	}
	name := c.tape.name
	c.forgetTape()
	c.note(cdr.Recorded, who+" "+name)
	c.tell(Changed)
	return name, c.media.StopRecording()
}

func (c *Call) forgetTape() {
	if c.tape != nil && c.tape.beep != nil {
		c.tape.beep.Stop()
	}
	c.tape = nil
}
