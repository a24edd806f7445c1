package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"tandem/cmd/tandem/gatewaysim"
	"tandem/cmd/tandem/softphone"
	"tandem/media/sound"
	"tandem/rtc/trace"
)

// Bounds of a good call on one machine.
const (
	maxLoss      = 1.0 // percent
	maxRoundTrip = 500.0
	freqError    = 0.01 // of the frequency
	levelError   = 1.0  // dB
)

// call makes the call, shows it and judges it.
func (d *demo) call(ctx context.Context) error {
	d.out.line("")
	d.out.field("call", "alice dials %s", number)
	dial, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	call, err := d.phone.Dial(dial, number, softphone.DialOptions{})
	if err != nil {
		d.ladder()
		return err
	}
	announcement := sound.Duration(len(gatewaysim.Announcement()))
	d.out.field("", "answered; listening for %.0f s: the announcement, then the echo of chirps", (announcement + listen).Seconds())
	r, err := call.Talk(ctx, softphone.TalkOptions{
		Play: sound.Silence(announcement), Measure: true, Duration: announcement + listen})
	if r == nil || ctx.Err() != nil {
		return err
	}
	d.ladder()
	d.heard(r)
	phone, gateway, cerr := d.server.Codecs(dial, call.ID)
	if cerr != nil {
		return cerr
	}
	d.out.field("codecs", "%s from the phone, %s from the gateway%s", phone, gateway, map[bool]string{true: "; converted on the way"}[phone != gateway])
	if err = errors.Join(err, judge(&r.Audio)); err != nil {
		return fmt.Errorf("the call failed the checks: %w", err)
	}
	d.out.field("verdict", "good: every tone within 1 %% and 1 dB, no audible loss")
	return nil
}

// listen is how long echoes are measured.
const listen = 4 * time.Second

// ladder draws what alice and the gateway exchanged with the server.
func (d *demo) ladder() {
	phone, gateway := d.phone.LocalAddr(), d.gateway.Addr().String()
	entries := d.server.Trace().Entries(0, trace.Filter{User: d.users[0].name})
	d.out.line("")
	diagram := trace.Diagram{Width: d.cfg.Width, Order: []string{phone, gateway}, Names: map[string]string{phone: "phone", gateway: "gateway"}}
	if err := diagram.Draw(d.out, entries); err != nil {
		d.cfg.Log.Warn("drawing the ladder failed", "err", err)
	}
	d.out.line("")
}

func (d *demo) heard(r *softphone.Report) {
	a := &r.Audio
	d.out.field("answered", "%.1f ms after INVITE, ringing after %.1f ms", r.Answered, r.Ringing)
	d.out.field("talked", "%.1f s, %s", r.Talked/1000, a.Codec)
	var tones []string
	for _, t := range announced(a) {
		tones = append(tones, fmt.Sprintf("%.1f Hz %.1f s", t.Frequency, t.Length/1000))
	}
	d.out.field("heard", "%s", strings.Join(tones, ", "))
	d.out.field("level", "%.1f dBFS, strongest at %.1f Hz", a.Level, a.Frequency)
	d.out.field("loss", "%d of %d packets (%.1f %%), jitter %.1f ms", a.Lost, a.Lost+a.Received, a.LossPercent, a.Jitter)
	trip := fmt.Sprintf("%.2f ms there and back, by %d of %d chirps echoed", a.RoundTrip, a.Echoes, a.Marks)
	if a.RoundTrip < 0 {
		trip = fmt.Sprintf("unknown: none of %d chirps came back", a.Marks)
	}
	d.out.field("delay", "%s", trip)
}

// announced is the tones of the announcement among those heard.
func announced(a *softphone.Audio) []softphone.Heard {
	return a.Tones[:min(len(a.Tones), len(want()))]
}

// want is the tones of the announcement.
func want() []sound.Segment { return sound.Segments(gatewaysim.Announcement()) }

// judge compares what was heard with what the gateway said.
func judge(a *softphone.Audio) error {
	if a.Received == 0 {
		return errors.New("no audio was received; check the firewall of this machine")
	}
	var errs []error
	if a.LossPercent > maxLoss {
		errs = append(errs, fmt.Errorf("%.1f %% of the packets were lost", a.LossPercent))
	}
	heard := announced(a)
	for i, w := range want() {
		switch {
		case i >= len(heard):
			errs = append(errs, fmt.Errorf("tone of %.0f Hz was not heard", w.Freq))
		case math.Abs(heard[i].Frequency-w.Freq) > freqError*w.Freq:
			errs = append(errs, fmt.Errorf("heard %.0f Hz instead of %.0f", heard[i].Frequency, w.Freq))
		case math.Abs(heard[i].Level-w.Level) > levelError:
			errs = append(errs, fmt.Errorf("heard %.0f Hz at %.1f dBFS instead of %.1f", w.Freq, heard[i].Level, w.Level))
		}
	}
	if a.RoundTrip < 0 {
		errs = append(errs, errors.New("no echo came back"))
	} else if a.RoundTrip > maxRoundTrip {
		errs = append(errs, fmt.Errorf("the echo took %.0f ms", a.RoundTrip))
	}
	return errors.Join(errs...)
}
