package phone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tandem/cmd/tandem/command"
	"tandem/cmd/tandem/softphone"
	"tandem/media/sound"
)

// audioFlags are what a call does with its audio.
type audioFlags struct {
	talk softphone.TalkOptions
	play string
	tone string
}

func (a *audioFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&a.play, "play", "", "WAV file to play (16-bit PCM), then silence")
	f.StringVar(&a.tone, "tone", "", "tone to play instead: HZ or HZ:DBFS, e.g. 440:-15")
	f.BoolVar(&a.talk.Loop, "loop", false, "play again and again")
	f.BoolVar(&a.talk.PlayOnce, "play-once", false, "hang up when all has been played")
	f.BoolVar(&a.talk.Echo, "echo", false, "send back what is heard")
	f.BoolVar(&a.talk.Measure, "measure", false, "send a chirp each second and measure the round trip by its echo")
	f.StringVar(&a.talk.Record, "record", "", "WAV file to record what is heard")
	f.StringVar(&a.talk.Digits, "dtmf", "", "digits to send (RFC 4733): 0-9 * # A-D")
	f.DurationVar(&a.talk.DigitsAt, "dtmf-after", time.Second, "when to send them, from the answer")
	f.DurationVar(&a.talk.Duration, "duration", 0, "hang up after this long (default: when the other side does, or Ctrl-C)")
}

// options reads the flags; the errors are usage errors.
func (a *audioFlags) options(c *cobra.Command) (softphone.TalkOptions, error) {
	o := a.talk
	if a.play != "" && a.tone != "" {
		return o, command.Usage("--play and --tone exclude each other")
	}
	if o.Measure && (a.tone != "" || o.Loop || o.Echo) {
		return o, command.Usage("--measure sends chirps after --play; it does not go with --tone, --loop or --echo")
	}
	for _, r := range strings.ToUpper(o.Digits) {
		if !strings.ContainsRune("0123456789*#ABCD", r) {
			return o, command.Usage("--dtmf: %q is not a digit; use 0-9 * # A-D", r)
		}
	}
	if a.play != "" {
		s, err := sound.ReadWAV(a.play)
		if err != nil {
			return o, err
		}
		o.Play = s
	}
	if a.tone != "" {
		freq, level, err := parseTone(a.tone)
		if err != nil {
			return o, command.Usage("%w", err)
		}
		// Whole seconds of whole hertz join without a click when looped.
		o.Play, o.Loop = sound.Tone(freq, level, 10*time.Second), !o.PlayOnce
	}
	o.OnDigit = func(r rune) { command.Say(c, "digit %c", r) }
	return o, nil
}

func parseTone(s string) (freq, level float64, err error) {
	hz, db, found := strings.Cut(s, ":")
	freq, err = strconv.ParseFloat(hz, 64)
	level = -15
	if err == nil && found {
		level, err = strconv.ParseFloat(db, 64)
	}
	if err != nil || !(freq >= 20 && freq <= 3900) || !(level >= -90 && level <= 0) {
		return 0, 0, fmt.Errorf("--tone %q: want HZ or HZ:DBFS, 20 to 3900 Hz and -90 to 0 dBFS, e.g. 440:-15", s)
	}
	return freq, level, nil
}

func newPhoneCall(f *phoneFlags) *cobra.Command {
	var a audioFlags
	var register bool
	var giveUp time.Duration
	c := &cobra.Command{
		Use:   "call TO",
		Short: "Call, talk, and judge the audio heard",
		Long: `Call a number or an address, play, record and send digits as asked, and report
what was heard: level, tones, digits, loss, jitter, and with --measure the round
trip. Exit code 1 when the call fails.`,
		Example: `  tandem phone call bob --user alice --server 192.0.2.1 --domain example.com
  tandem phone call +49301234567 --user alice --record heard.wav --dtmf 12# --duration 20s`,
		Args: command.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o, err := a.options(c)
			if err != nil {
				return err
			}
			p, err := f.open(c)
			if err != nil {
				return err
			}
			defer p.Close()
			if register {
				if _, err := p.Register(c.Context(), 10*time.Minute); err != nil {
					return err
				}
				defer p.Unregister(context.WithoutCancel(c.Context()))
			}
			ctx := c.Context()
			if giveUp > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, giveUp)
				defer cancel()
			}
			call, err := p.Dial(ctx, args[0], softphone.DialOptions{
				Progress: func(code int, reason string) {
					if code > 100 {
						command.Say(c, "%d %s", code, reason)
					}
				}})
			if err != nil {
				return err
			}
			command.Say(c, "answered")
			r, err := call.Talk(c.Context(), o)
			if r == nil {
				return err
			}
			return errors.Join(printReport(c, r), err)
		},
	}
	a.register(c)
	c.Flags().BoolVar(&register, "register", false, "register first, unregister at the end")
	c.Flags().DurationVar(&giveUp, "cancel-after", 0, "cancel when not answered within")
	return c
}

func newPhoneAnswer(f *phoneFlags) *cobra.Command {
	var a audioFlags
	var ring, stay time.Duration
	var reject, count int
	c := &cobra.Command{
		Use:   "answer",
		Short: "Register and answer (or reject) incoming calls; prints incoming messages",
		Args:  command.ExactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := a.options(c)
			if err != nil {
				return err
			}
			if reject != 0 && (reject < 300 || reject > 699) {
				return command.Usage("--reject %d: want a SIP status from 300 to 699, e.g. 486", reject)
			}
			ctx, cancel := context.WithCancel(c.Context())
			defer cancel()
			if stay > 0 {
				ctx, cancel = context.WithTimeout(ctx, stay)
				defer cancel()
			}
			results := make(chan answered)
			f.cfg.OnMessage = show(c)
			f.cfg.OnCall = func(in *softphone.Incoming) {
				r, err := answerCall(ctx, c, in, o, ring, reject)
				select {
				case results <- answered{r, err}:
				case <-ctx.Done():
				}
			}
			p, err := f.open(c)
			if err != nil {
				return err
			}
			defer p.Close()
			registered := make(chan error, 1)
			go func() {
				registered <- p.StayRegistered(ctx, time.Hour, func(r softphone.Registered, err error) {
					if err == nil {
						command.Say(c, "registered %s for %s", p.Address(), r.Expires)
					} else {
						command.Say(c, "%v", err)
					}
				})
			}()
			return collect(c, cancel, results, registered, count)
		},
	}
	a.register(c)
	c.Flags().DurationVar(&ring, "ring", time.Second, "ring this long before answering")
	c.Flags().IntVar(&reject, "reject", 0, "reject calls with this status, e.g. 486")
	c.Flags().IntVar(&count, "count", 0, "end after that many calls (default: Ctrl-C)")
	c.Flags().DurationVar(&stay, "for", 0, "end after this long (default: Ctrl-C)")
	return c
}

// answered is the end of one incoming call; the report is nil when it was not
// answered.
type answered struct {
	report *softphone.Report
	err    error
}

// collect prints calls as they end, until count or the end of registration.
func collect(c *cobra.Command, cancel func(), results <-chan answered, registered <-chan error, count int) error {
	var failed error
	for n := 0; ; {
		select {
		case r := <-results:
			n++
			if r.report != nil {
				failed = errors.Join(failed, printReport(c, r.report))
			}
			if r.err != nil {
				command.Say(c, "%v", r.err)
				failed = errors.Join(failed, r.err)
			}
			if count == 0 {
				failed = nil
			} else if n >= count {
				cancel()
				return errors.Join(failed, <-registered)
			}
		case err := <-registered:
			return errors.Join(failed, err)
		}
	}
}

func answerCall(ctx context.Context, c *cobra.Command, in *softphone.Incoming, o softphone.TalkOptions, ring time.Duration, reject int) (*softphone.Report, error) {
	command.Say(c, "call from %s", in.From)
	if ring > 0 {
		if err := in.Ring(ctx, ring); err != nil {
			return nil, err
		}
	}
	if reject != 0 {
		command.Say(c, "rejected with %d", reject)
		return nil, in.Reject(reject, "Rejected")
	}
	call, err := in.Answer()
	if err != nil {
		return nil, err
	}
	return call.Talk(ctx, o)
}

// printReport shows a call's result.
func printReport(c *cobra.Command, r *softphone.Report) error {
	return command.Print(c, r, func(w io.Writer) {
		fmt.Fprintf(w, "call\t%s\n", r.CallID)
		fmt.Fprintf(w, "with\t%s\n", r.Peer)
		fmt.Fprintf(w, "answered\tafter %.0f ms\n", r.Answered)
		fmt.Fprintf(w, "talked\t%.1f s, ended by %s\n", r.Talked/1000, r.EndedBy)
		for _, line := range audioLines(&r.Audio) {
			fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
		}
	})
}

// audioLines tells what was heard, as name and value.
func audioLines(a *softphone.Audio) [][2]string {
	lines := [][2]string{
		{"packets", fmt.Sprintf("%d sent, %d received, %d lost (%.1f %%), jitter %.1f ms, %s", a.Sent, a.Received, a.Lost, a.LossPercent, a.Jitter, a.Codec)},
	}
	if a.Received == 0 {
		return append(lines, [2]string{"heard", "nothing; a firewall between the two, or no media from the other side"})
	}
	heard := fmt.Sprintf("%.1f dBFS, strongest at %.0f Hz", a.Level, a.Frequency)
	if a.Frequency == 0 {
		heard = fmt.Sprintf("%.1f dBFS, no steady tone", a.Level)
	}
	if a.Level <= -100 {
		heard = "silence"
	}
	lines = append(lines, [2]string{"heard", heard})
	if len(a.Tones) > 0 {
		lines = append(lines, [2]string{"tones", tones(a.Tones)})
	}
	if a.Digits != "" {
		lines = append(lines, [2]string{"digits", a.Digits})
	}
	if a.Marks > 0 {
		trip := fmt.Sprintf("%.2f ms, by %d of %d marks echoed", a.RoundTrip, a.Echoes, a.Marks)
		if a.RoundTrip < 0 {
			trip = fmt.Sprintf("unknown: none of %d marks came back", a.Marks)
		}
		lines = append(lines, [2]string{"round trip", trip})
	}
	if a.Problem != "" {
		lines = append(lines, [2]string{"problem", a.Problem})
	}
	return lines
}

// tones lists the first few.
func tones(list []softphone.Heard) string {
	const most = 5
	var parts []string
	for _, t := range list[:min(len(list), most)] {
		parts = append(parts, fmt.Sprintf("%.0f Hz %.1f s", t.Frequency, math.Round(t.Length/100)/10))
	}
	if len(list) > most {
		parts = append(parts, fmt.Sprintf("and %d more", len(list)-most))
	}
	return strings.Join(parts, ", ")
}
