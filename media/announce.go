package media

import (
	"fmt"
	"time"

	"tandem/media/sound"
	"tandem/media/transcode"
)

// Announce plays a WAV file to a side, times times (0: without end), in place of the
// other side. EventPlayed follows when it has ended by itself. The session closes the
// announcement, which also tells how far it is.
func (s *Session) Announce(to Which, path string, times int) (*sound.Announcement, error) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	rate, err := s.ready(to)
	if err != nil {
		return nil, err
	}
	a, err := sound.OpenAnnouncement(path, rate, times)
	if err != nil {
		return nil, err
	}
	// Close waits for the disk, which a worker must not do.
	if err := s.bridge.Play(to, a, func() { s.later(a.Close) }); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// toneLevel is the level of tones in dBFS: about -10 dBm0 (ITU-T E.180).
const toneLevel = -13.0

// Tone plays a signal (ringback, busy) to a side as it sounds in a country, for limit
// or, with 0, until Stop.
func (s *Session) Tone(to Which, country string, signal sound.Signal, limit time.Duration) error {
	c, err := toneOf(country, signal)
	if err != nil {
		return err
	}
	return s.Play(to, func(rate int) transcode.Source { return c.Source(rate, toneLevel, limit) })
}

// ToneOver plays a signal for limit over an announcement or whatever else is played to a
// side, which goes on meanwhile. Where nothing is, it takes the place of the other side.
// No EventPlayed follows.
func (s *Session) ToneOver(to Which, country string, signal sound.Signal, limit time.Duration) error {
	c, err := toneOf(country, signal)
	if err != nil {
		return err
	}
	s.ctl.Lock()
	defer s.ctl.Unlock()
	rate, err := s.ready(to)
	if err != nil {
		return err
	}
	return s.bridge.Over(to, c.Source(rate, toneLevel, limit))
}

// toneOf is how a signal sounds in a country.
func toneOf(country string, signal sound.Signal) (sound.Cadence, error) {
	c, ok := sound.Tones(country, signal)
	if !ok {
		return c, fmt.Errorf("the tones of %q are not known; known are %v", country, sound.Countries())
	}
	return c, nil
}
