package gatewaysim

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/emiago/diago"
	"github.com/emiago/diago/media"
	"github.com/emiago/sipgo/sip"
	"github.com/zaf/g711"

	"tandem/media/sound"
)

var errClosed = errors.New("the gateway was closed")

// noAnswer is how long the network lets an unanswered number ring.
const noAnswer = 180 * time.Second

// call handles one call; diago hangs up when it returns.
func (g *Gateway) call(s *diago.DialogServerSession) {
	g.calls.Add(1)
	defer g.calls.Done()
	number := s.InviteRequest.Recipient.User
	log := g.cfg.Log.With("call_id", s.InviteRequest.CallID().Value(), "aor", number)
	log.Info("call arrived")
	var err error
	switch {
	case strings.HasSuffix(number, "00"):
		err = s.Respond(486, "Busy Here", nil)
	case strings.HasSuffix(number, "02"):
		err = s.Respond(404, "Not Found", nil)
	case strings.HasSuffix(number, "01"):
		err = g.ring(s, noAnswer)
	case strings.HasSuffix(number, "03"):
		err = g.early(s, number)
	default:
		if err = g.ring(s, g.cfg.Ring); err == nil && s.Context().Err() == nil {
			if err = g.answer(s); err == nil {
				err = g.converse(s, number)
			}
		}
	}
	if err != nil && s.Context().Err() == nil {
		log.Warn("call failed", "err", err)
	}
}

// ring sends 180 and waits.
func (g *Gateway) ring(s *diago.DialogServerSession, d time.Duration) error {
	if err := s.Ringing(); err != nil {
		return err
	}
	select {
	case <-time.After(d):
	case <-s.Context().Done():
	case <-g.open.Done():
		return errClosed
	}
	return nil
}

// early plays the ringing tone before the answer.
func (g *Gateway) early(s *diago.DialogServerSession, number string) error {
	if err := s.ProgressMedia(); err != nil {
		return err
	}
	if err := say(s.Context(), &s.DialogMedia, sound.Tone(425, -15, time.Second)); err != nil {
		return err
	}
	if err := g.answer(s); err != nil {
		return err
	}
	return g.converse(s, number)
}

// answer sends 200. Until it returns, a re-INVITE of the call has to wait
// (see [Gateway.settled]): diago starts the media after it got the ACK, and a
// re-INVITE close behind the ACK would take that media away under its hands.
func (g *Gateway) answer(s *diago.DialogServerSession) error {
	id, done := s.InviteRequest.CallID().Value(), make(chan struct{})
	g.answering.Store(id, done)
	defer close(done)
	defer g.answering.Delete(id)
	return s.Answer()
}

// settled waits until the call that req belongs to is not being answered.
func (g *Gateway) settled(req *sip.Request) {
	if !req.IsInvite() || req.CallID() == nil {
		return
	}
	if done, ok := g.answering.Load(req.CallID().Value()); ok {
		<-done.(chan struct{})
	}
}

// Announcement is what every number says.
func Announcement() []int16 {
	var out []int16
	for _, freq := range []float64{523.25, 659.25, 783.99} { // C E G
		out = append(out, sound.Tone(freq, announceLevel, 300*time.Millisecond)...)
	}
	out = append(out, sound.Silence(200*time.Millisecond)...)
	return append(out, sound.Tone(440, announceLevel, 1500*time.Millisecond)...)
}

// announceLevel is about what exchanges use, in dBFS.
const announceLevel = -15

// converse says the announcement and then echoes until the caller hangs up. The
// caller of a closed gateway may never do that, so its sockets are closed.
func (g *Gateway) converse(s *diago.DialogServerSession, number string) error {
	defer context.AfterFunc(g.open, func() { _ = s.DialogMedia.Close() })()
	if err := say(s.Context(), &s.DialogMedia, Announcement()); err != nil {
		return err
	}
	reader, err := s.AudioReader()
	if err != nil {
		return err
	}
	buf := make([]byte, media.RTPBufSize)
	begun := time.Now()
	last, had := uint32(0), false
	for {
		n, err := reader.Read(buf)
		if err != nil {
			return nil // the call has ended
		}
		if n == 0 {
			continue // on hold
		}
		h := s.RTPPacketReader.PacketHeader
		switch h.PayloadType {
		case media.CodecAudioUlaw.PayloadType, media.CodecAudioAlaw.PayloadType:
			if time.Since(begun) < drain {
				continue
			}
			if _, err := s.RTPPacketWriter.WriteSamples(buf[:n], uint32(n), false, h.PayloadType); err != nil {
				return nil
			}
		case media.CodecTelephoneEvent8000.PayloadType:
			if n >= 4 && (!had || last != h.Timestamp) {
				had, last = true, h.Timestamp
				if r := media.DTMFToRune(buf[0]); r != 0 && g.cfg.OnDigit != nil {
					g.cfg.OnDigit(number, r)
				}
			}
		}
	}
}

// drain is for how long after the announcement what waited in the socket
// meanwhile is thrown away: it would come back late and in a burst.
const drain = 20 * time.Millisecond

// say sends samples, one packet each 20 ms by an own clock.
func say(ctx context.Context, m *diago.DialogMedia, samples []int16) error {
	var props diago.MediaProps
	if _, err := m.AudioWriter(diago.WithAudioWriterMediaProps(&props)); err != nil {
		return err
	}
	const frame = 160
	start := time.Now()
	payload := make([]byte, frame)
	for i := 0; i*frame+frame <= len(samples); i++ {
		for k, v := range samples[i*frame : i*frame+frame] {
			if props.Codec.Name == "PCMA" {
				payload[k] = g711.EncodeAlawFrame(v)
			} else {
				payload[k] = g711.EncodeUlawFrame(v)
			}
		}
		if _, err := m.RTPPacketWriter.WriteSamples(payload, frame, i == 0, props.Codec.PayloadType); err != nil {
			return err
		}
		select {
		case <-time.After(time.Until(start.Add(time.Duration(i+1) * 20 * time.Millisecond))):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
