package trunks

import (
	"context"
	"errors"
	"net/http"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/rtc"
	"tandem/telephony"
	"tandem/telephony/cdr"
)

// Try calls a number by a trunk, see telephony.Exchange.Try.
type Try func(ctx context.Context, trunk, number string, o telephony.TrialOptions) (telephony.Trial, error)

// TestCall is a call by which a trunk is tried.
type TestCall struct {
	Number string `json:"number" minLength:"1" maxLength:"64" doc:"As it is dialled here" example:"+49301234567"`
	User   string `json:"user,omitempty" doc:"Whose rights and limits count; empty: those of everybody"`
	Talk   int    `json:"talk_s,omitempty" minimum:"1" maximum:"15" default:"5" doc:"How long both sides are heard once it is answered"`
}

// TestResult is what came of it.
type TestResult struct {
	Call     string      `json:"call" yaml:"call" doc:"The record's id"`
	CallIDs  []string    `json:"call_ids" yaml:"call_ids" nullable:"false" doc:"Call-IDs of the INVITEs, for the trace"`
	Answered bool        `json:"answered" yaml:"answered"`
	Code     int         `json:"code" yaml:"code" doc:"SIP status: 200 when it was answered"`
	Text     string      `json:"text,omitempty" yaml:"text,omitempty"`
	Delay    float64     `json:"post_dial_delay_s,omitempty" yaml:"post_dial_delay_s,omitempty" doc:"Until it rang or was answered"`
	From     TestFrom    `json:"from_trunk" yaml:"from_trunk" doc:"The sound that came from the trunk"`
	To       TestTo      `json:"to_trunk" yaml:"to_trunk" doc:"The sound that went to it: a second of 1004 Hz, a second of silence, and so on"`
	Verdict  TestVerdict `json:"verdict" yaml:"verdict"`
}

// TestVerdict sums a test up.
type TestVerdict struct {
	Good bool     `json:"good" yaml:"good"`
	Why  []string `json:"why,omitempty" yaml:"why,omitempty" doc:"What is wrong, or could not be told"`
}

// TestFrom is what came from a trunk.
type TestFrom struct {
	Sound cdr.Sound  `json:"sound" yaml:"sound"`
	Heard float64    `json:"heard_s" yaml:"heard_s" doc:"How long it was not silent"`
	Level float64    `json:"level_dbfs,omitempty" yaml:"level_dbfs,omitempty"`
	Tones []TestTone `json:"tones,omitempty" yaml:"tones,omitempty"`
	Echo  bool       `json:"echo,omitempty" yaml:"echo,omitempty" doc:"The tone that was sent came back"`
}

// TestTone is a tone that was heard.
type TestTone struct {
	Start     float64 `json:"start_s" yaml:"start_s"`
	Length    float64 `json:"length_s" yaml:"length_s"`
	Frequency float64 `json:"frequency_hz" yaml:"frequency_hz"`
	Level     float64 `json:"level_dbfs" yaml:"level_dbfs"`
}

// TestTo is what went to a trunk.
type TestTo struct {
	Packets   uint64  `json:"packets" yaml:"packets"`
	Reported  bool    `json:"reported" yaml:"reported" doc:"It has told what it hears (RTCP)"`
	Loss      float64 `json:"loss_percent,omitempty" yaml:"loss_percent,omitempty"`
	Jitter    float64 `json:"jitter_ms,omitempty" yaml:"jitter_ms,omitempty"`
	RoundTrip float64 `json:"round_trip_ms,omitempty" yaml:"round_trip_ms,omitempty"`
}

func (a *nouns) registerTest(set *op.Set) {
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/trunks/{trunk}/test", ID: "test-trunk", Short: "Call a number by a trunk and hear both directions",
		Long:  "A real call, which policy and limits count and which is in the records. It is by this trunk alone, whatever its prefixes and state, and answers when the call has ended: after 30 seconds of ringing at most.",
		Scope: access.Write("trunks"), Event: "trunk.tested", Needs: a.Running}, a.testTrunk)
}

func (a *nouns) testTrunk(ctx context.Context, do *op.Doing, in *struct {
	TrunkPath
	Body TestCall
}) (out TestResult, err error) {
	if _, err = a.trunk(in.Trunk); err != nil {
		return out, err
	}
	o := telephony.TrialOptions{Talk: time.Duration(in.Body.Talk) * time.Second}
	if in.Body.User != "" {
		var payer rtc.AOR
		if payer, err = a.ParseAOR(in.Body.User); err != nil {
			return out, err
		}
		o.Payer = payer
	}
	if err = do.Begin(ctx, op.Resource("trunks", in.Trunk), nil); err != nil {
		return out, err
	}
	trial, err := a.Try(ctx, in.Trunk, in.Body.Number, o)
	var st *rtc.Status
	switch {
	case errors.As(err, &st) && st.Err != nil: // 403, 404 or 503
		return out, problem.New(st.Code, "not_called", st.Err.Error())
	case err != nil:
		return out, err
	}
	out = shownTrial(&trial)
	do.After = out
	return out, nil
}

func shownTrial(t *telephony.Trial) TestResult {
	r := &t.Record
	out := TestResult{Call: r.ID, CallIDs: []string{}, Answered: !r.Answered.IsZero(), Code: r.Code, Text: r.Text, Delay: r.Delay().Seconds(),
		From: TestFrom{Sound: r.Sides[0], Heard: t.Heard.Seconds(), Level: t.Level, Echo: t.Echo},
		To: TestTo{Packets: t.Sent.Packets, Reported: t.Hears.Valid, Loss: t.Hears.LossPercent, Jitter: float64(t.Hears.Jitter.Microseconds()) / 1000,
			RoundTrip: float64(t.Hears.RoundTrip.Microseconds()) / 1000}}
	for _, try := range r.Tried {
		out.CallIDs = append(out.CallIDs, try.CallID)
	}
	for _, s := range t.Tones {
		out.From.Tones = append(out.From.Tones, TestTone{s.Start.Seconds(), s.Length.Seconds(), s.Freq, s.Level})
	}
	out.Verdict = verdict(&out)
	return out
}

// goodMOS is what a connection has that nobody complains of (ITU-T G.107 annex B).
const goodMOS = 3.6

// verdict says what is wrong with a test call.
func verdict(r *TestResult) (v TestVerdict) {
	add := func(wrong bool, why string) {
		if wrong {
			v.Why = append(v.Why, why)
		}
	}
	if !r.Answered {
		v.Why = []string{"the call was not answered"}
		return v
	}
	add(r.From.Sound.Packets == 0, "no sound came from the trunk: see whether a firewall keeps its packets from media.ports, and what address the ladder's description names")
	add(r.From.Sound.Packets > 0 && r.From.Heard == 0, "the trunk sent silence alone")
	add(r.From.Sound.MOS > 0 && r.From.Sound.MOS < goodMOS, "what came from the trunk is of poor quality")
	add(r.To.Packets == 0, "no sound went to the trunk")
	add(r.To.Reported && r.To.Loss > 1, "the trunk loses what is sent to it")
	v.Good = len(v.Why) == 0
	if v.Good && !r.To.Reported && !r.From.Echo {
		v.Why = []string{"whether the trunk heard the tone could not be told: it sent no report (RTCP) and no echo"}
	}
	return v
}
