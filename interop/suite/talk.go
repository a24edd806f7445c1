package suite

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"tandem/interop/behaviour"
	"tandem/interop/voice"
	"tandem/interop/wire"
)

// tries is how often something is said until it is heard well. Once is enough but on
// a machine so busy that packets come too late.
const tries = 3

// speak has a device send sound or a key, and another one hear it.
func (b *bench) speak(ctx context.Context, d *actor, t *behaviour.Talk) error {
	to, err := b.actor(ctx, t.To)
	if err != nil {
		return err
	}
	from, err := d.speaker()
	if err != nil {
		return err
	}
	ear, err := to.speaker()
	if err != nil {
		return err
	}
	if t.Hears != 0 {
		ear.Hears(t.Hears)
	}
	if t.Other {
		other, err := wire.ListenMedia(d.Local.Addr())
		if err != nil {
			return err
		}
		defer other.Close()
		from = from.At(other)
	}
	var packets [][]byte
	for _, p := range t.Packets {
		raw, err := hex.DecodeString(strings.ReplaceAll(p, " ", ""))
		if err != nil {
			return err
		}
		packets = append(packets, raw)
	}
	speech := voice.Speech{Tone: t.Tone, Key: t.Key, Packets: packets, Unheard: t.Nothing}
	if t.Info != nil {
		speech.Key, speech.Do = "", func(ctx context.Context) error { return b.ask(ctx, d, t.Info) }
	}
	for range tries {
		var heard voice.Heard
		if heard, err = voice.Between(ctx, from, ear, speech); err != nil {
			return err
		}
		if err = judged(t, heard); err == nil || t.Tone == 0 || t.Key != "" || t.Nothing {
			return err
		}
	}
	return err
}

// judged says what of a talk was not heard as it should be.
func judged(t *behaviour.Talk, heard voice.Heard) error {
	switch {
	case t.Nothing && heard.Length > 0:
		return fmt.Errorf("%s should hear nothing and heard %s", t.To, heard)
	case !t.Nothing && t.Tone != 0 && !heard.Is(t.Tone):
		return fmt.Errorf("%s should hear %.0f Hz and heard %s", t.To, t.Tone, heard)
	case t.Key != "" && heard.Keys != t.Key:
		return fmt.Errorf("%s should hear the key %s once and heard %q", t.To, t.Key, heard.Keys)
	case t.Key != "" && heard.Ends < voice.Ends:
		return fmt.Errorf("%s should be told the end of the key %s %d times and was %d times", t.To, t.Key, voice.Ends, heard.Ends)
	case t.Mark != "" && heard.Marked != (t.Mark == "set"):
		return fmt.Errorf("the marker bit of the key %s hears should be %s", t.To, t.Mark)
	case t.Octets != 0 && heard.Octets != t.Octets:
		return fmt.Errorf("%s should hear packets of %d octets of sound and heard %d", t.To, t.Octets, heard.Octets)
	}
	return nil
}

// speaker is a device's sound toward where the description that came last wants it.
func (d *actor) speaker() (*voice.Sound, error) {
	if _, err := d.sound(); err != nil {
		return nil, err
	}
	if d.offered == nil {
		return nil, fmt.Errorf("%s has got no description, so there is no place for its sound", d.who)
	}
	if d.voice == nil {
		d.voice = voice.New(d.rtp)
	}
	return d.voice, d.voice.Aim(d.offered)
}
