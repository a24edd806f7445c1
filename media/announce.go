package media

import (
	"fmt"
	"time"

	"tandem/media/sound"
	"tandem/media/transcode"
)

// Announce lets a side hear a WAV file, times times (0: over and over), in
// place of the other side. EventPlayed follows when it has ended by itself. What
// it returns tells how far it is; the session closes it.
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
	// To close it is to wait for the disk, which no worker may.
	if err := s.bridge.Play(to, a, func() { s.later(a.Close) }); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// toneLevel is how loud tones are, dBFS: about -10 dBm0 (ITU-T E.180).
const toneLevel = -13.0

// Tone lets a side hear a signal (ringback, busy) as it sounds in a country,
// for a time or, with 0, until Stop.
func (s *Session) Tone(to Which, country string, signal sound.Signal, limit time.Duration) error {
	c, ok := sound.Tones(country, signal)
	if !ok {
		return fmt.Errorf("the tones of %q are not known; known are %v", country, sound.Countries())
	}
	return s.Play(to, func(rate int) transcode.Source { return c.Source(rate, toneLevel, limit) })
}
