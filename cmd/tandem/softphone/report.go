package softphone

import (
	"math"
	"slices"
	"time"

	"tandem/media/sound"
)

// Report is what became of a call. Durations are in milliseconds, levels in
// dBFS (a full-scale sine is 0, silence -100).
type Report struct {
	CallID   string  `json:"call_id"`
	Peer     string  `json:"peer"`
	Incoming bool    `json:"incoming"`
	Ringing  float64 `json:"ringing_ms,omitempty"`
	Answered float64 `json:"answered_ms"` // from INVITE to 200
	Talked   float64 `json:"talked_ms"`
	EndedBy  string  `json:"ended_by"` // "us" or "peer"
	Audio    Audio   `json:"audio"`
}

// Audio is the quality of what was heard.
type Audio struct {
	Codec       string    `json:"codec"`
	Sent        int       `json:"packets_sent"`
	Received    int       `json:"packets_received"`
	Lost        int       `json:"packets_lost"`
	LossPercent float64   `json:"loss_percent"`
	Duplicates  int       `json:"packets_duplicated,omitempty"`
	Late        int       `json:"packets_out_of_order,omitempty"`
	Jitter      float64   `json:"jitter_ms"`            // RFC 3550 §6.4.1, at the end
	Level       float64   `json:"level_dbfs"`           // of the parts that are not silence
	Frequency   float64   `json:"frequency_hz"`         // the strongest, 0 when no frequency stands out
	RoundTrip   float64   `json:"round_trip_ms"`        // median over the echoed marks, -1: no echo
	Echoes      int       `json:"echoes,omitempty"`     // marks that came back
	Marks       int       `json:"echo_marks,omitempty"` // marks that were sent
	Tones       []Heard   `json:"tones,omitempty"`      // in the order heard
	Digits      string    `json:"digits,omitempty"`     // RFC 4733 events heard
	Problem     string    `json:"problem,omitempty"`    // the reading of audio failed
	started     time.Time // of the first packet
}

// Heard is a tone that was heard.
type Heard struct {
	Start     float64 `json:"start_ms"` // from the first packet
	Length    float64 `json:"length_ms"`
	Frequency float64 `json:"frequency_hz"`
	Level     float64 `json:"level_dbfs"`
}

func (c *Call) report(ear *ear, mouth *mouth, talked time.Duration, remote bool, problem error) *Report {
	c.stages.mu.Lock()
	defer c.stages.mu.Unlock()
	r := &Report{
		CallID: c.ID, Peer: c.Peer, Incoming: c.Incoming,
		Ringing: ms(c.stages.ringing), Answered: ms(c.stages.answered), Talked: ms(talked), EndedBy: "us",
		Audio: judge(ear, mouth),
	}
	if remote {
		r.EndedBy = "peer"
	}
	if problem != nil && ear.received == 0 {
		r.Audio.Problem = problem.Error()
	}
	return r
}

func judge(ear *ear, mouth *mouth) Audio {
	a := Audio{
		Codec: mouth.voice.Name, Sent: mouth.sent, Received: ear.received, Lost: ear.lost(),
		Duplicates: ear.duplicates, Late: ear.late, Jitter: round(ear.jitter*1000/sound.Rate, 100),
		Level: loudness(ear.heard), RoundTrip: -1, Marks: len(mouth.marks),
		Digits: string(ear.digits), started: ear.started,
	}
	if n := a.Lost + a.Received; n > 0 {
		a.LossPercent = round(100*float64(a.Lost)/float64(n), 100)
	}
	for _, s := range sound.Segments(ear.heard) {
		a.Tones = append(a.Tones, Heard{ms(s.Start), ms(s.Length), round(s.Freq, 10), round(s.Level, 10)})
	}
	a.Frequency = dominant(ear.heard, a.Tones)
	if trips := ear.roundTrips(mouth.marks); len(trips) > 0 {
		slices.Sort(trips)
		a.RoundTrip, a.Echoes = round(trips[len(trips)/2].Seconds()*1000, 100), len(trips)
	}
	return a
}

// loudness is the level of the stretches louder than silence.
func loudness(s []int16) float64 {
	var loud []int16
	step := sound.Samples(packetTime)
	for at := 0; at+step <= len(s); at += step {
		if sound.Level(s[at:at+step]) > sound.Quiet {
			loud = append(loud, s[at:at+step]...)
		}
	}
	return round(max(sound.Level(loud), -100), 10)
}

// dominant is the frequency of the tone with the most energy; without tones,
// the strongest of the first ten seconds, if one stands out.
func dominant(s []int16, tones []Heard) float64 {
	freq, most := 0.0, math.Inf(-1)
	for _, t := range tones {
		if energy := t.Level + 10*math.Log10(t.Length); energy > most {
			freq, most = t.Frequency, energy
		}
	}
	if freq == 0 {
		if f, purity := sound.Frequency(s[:min(len(s), 10*sound.Rate)]); purity > 0.3 {
			freq = f
		}
	}
	return round(freq, 10)
}

func ms(d time.Duration) float64 { return round(float64(d)/float64(time.Millisecond), 10) }

func round(v, per float64) float64 { return math.Round(v*per) / per }
