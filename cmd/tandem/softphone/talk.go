package softphone

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/diago/media"

	"tandem/media/sound"
)

// packet is the time and the samples of one RTP packet.
const (
	packetTime    = 20 * time.Millisecond
	packetSamples = 160
)

// TalkOptions are what a phone does with an answered call's audio.
type TalkOptions struct {
	Play     []int16       // said to the other side, then silence
	Loop     bool          // say it again and again
	Echo     bool          // send back what is heard, instead of Play
	Measure  bool          // after Play, send a mark each second and look for its echo
	Digits   string        // sent as RFC 4733 events, 0-9 * # A-D
	DigitsAt time.Duration // when, from the start of Talk
	Record   string        // WAV file for what is heard
	Duration time.Duration // hang up after; 0: until the other side does or ctx ends
	PlayOnce bool          // hang up when Play has been said
	OnDigit  func(rune)    // a digit was heard; must not block
	OnSound  func([]int16) // all that was heard so far, after each packet; must not block or keep it
	Press    <-chan rune   // digits to send besides; nil for none
}

// Talk runs the call's audio until the other side hangs up, the duration is
// over or ctx ends; then it hangs up and reports. A report comes also with an
// error.
func (c *Call) Talk(ctx context.Context, o TalkOptions) (*Report, error) {
	m := c.session.Media()
	mouth, err := newMouth(m)
	if err != nil {
		return nil, err
	}
	defer mouth.close()
	ear := newEar(mouth.voice, o.OnDigit)
	reader, err := m.AudioReader()
	if err != nil {
		return nil, c.phone.failure("call", err)
	}
	begun := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.Duration > 0 {
		ctx, cancel = context.WithTimeout(ctx, o.Duration)
		defer cancel()
	}
	listening := make(chan error, 1)
	go func() { listening <- c.listen(reader, m, ear, mouth, o) }()
	if !o.Echo {
		err = mouth.speak(ctx, c.Done(), o)
	} else {
		select {
		case <-ctx.Done():
		case <-c.Done():
		}
	}
	remote := c.session.Context().Err() != nil
	talked := time.Since(begun)
	hangup := c.Hangup(ctx)
	m.Close() // unblocks the listener when it still reads
	report := c.report(ear, mouth, talked, remote, <-listening)
	if o.Record != "" {
		err = errors.Join(err, sound.WriteWAV(o.Record, ear.heard))
	}
	return report, errors.Join(err, hangup)
}

// listen reads packets until the call's media is closed.
func (c *Call) listen(r io.Reader, m *diago.DialogMedia, ear *ear, mouth *mouth, o TalkOptions) error {
	buf := make([]byte, media.RTPBufSize)
	for {
		n, err := r.Read(buf)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if n == 0 {
			continue // held
		}
		h := m.RTPPacketReader.PacketHeader
		if !ear.take(time.Now(), &h, buf[:n]) {
			continue
		}
		if o.OnSound != nil {
			o.OnSound(ear.heard)
		}
		if o.Echo {
			if err := mouth.send(buf[:n]); err != nil {
				return err
			}
		}
	}
}
