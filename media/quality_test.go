package media

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"tandem/media/route"
	"tandem/media/sdp"
	"tandem/media/sound"
	"tandem/test/hearing"
)

// What speakers say, at 16000 Hz: a tone, a mark, speech.
const (
	fine      = 16000
	saidLevel = -15.0
	saidFreq  = 1004.0
)

func utterance(t *testing.T, narrow bool, seconds int) (pcm []int16, mark, words int) {
	gap := make([]int16, fine/5)
	s := talkOf(t, narrow)
	pcm = slices.Concat(sound.ToneAt(fine, saidFreq, saidLevel, 1500*time.Millisecond), gap)
	mark = len(pcm)
	pcm = append(pcm, slices.Concat(chirp(), gap)...)
	words = len(pcm)
	pcm = append(pcm, s[:seconds*fine]...)
	return append(pcm, make([]int16, fine/2)...), mark, words
}

func chirp() []int16 { return sound.SweepAt(fine, 600, 2600, saidLevel, 100*time.Millisecond) }

func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	return slices.Sorted(slices.Values(x))[len(x)/2]
}

// judged is what one direction of a call sounds like.
type judged struct {
	tone, toneSNR            float64 // dB off, dB
	speech, snr, segmented   float64
	intelligible, distortion float64
	delay                    time.Duration // mouth to ear
	aligned                  []int16       // the speech, beside what was said
}

func (j judged) String() string {
	return fmt.Sprintf("| %+.2f | %.1f | %+.2f | %.1f | %.1f | %.3f | %.0f ms |", j.tone, j.toneSNR, j.speech, j.snr, j.segmented, j.intelligible,
		float64(j.delay)/float64(time.Millisecond))
}

// judge compares what was heard with what was said, from start on, since which
// marks are measured. The mouth speaks a packet's first sample one packet time
// before it is sent; the ear hears it when the packet comes.
func judge(t *testing.T, said []int16, mark, words int, by, to *speaker, start time.Time) (j judged) {
	t.Helper()
	got, when := to.heard(fine)
	soon, late := max(mark-fine/4, 0), min(len(got), mark+fine*3/4)
	if late < soon {
		t.Fatalf("%s to %s: only %d samples are heard", by.codec.Name, to.codec.Name, len(got))
	}
	at, alike := sound.Find(got[soon:late], chirp())
	at += soon
	if alike < 0.5 {
		t.Fatalf("%s to %s: the mark is not heard: likeness %.2f of %d samples", by.codec.Name, to.codec.Name, alike, len(got))
	}
	mouth := start.Add(time.Duration(mark)*time.Second/fine - ptime)
	block := at / (fine / 50)
	ear := when[block].Add(time.Duration(at%(fine/50)) * time.Second / fine)
	j.delay = ear.Sub(mouth)
	var levels, snrs []float64
	for b := fine / 4; b+fine/10 <= min(at-fine/3, mark); b += fine / 10 {
		levels = append(levels, sound.Level(got[b:b+fine/10])-saidLevel)
		snrs = append(snrs, hearing.SineSNR(fine, got[b:b+fine/10], saidFreq))
	}
	j.tone, j.toneSNR = median(levels), median(snrs)
	ref := said[words : len(said)-fine/2]
	from := min(at+words-mark, len(got))
	heard := hearing.Align(ref, got[from:], fine/5, fine/40)
	j.speech = sound.Level(got[from:min(from+len(ref), len(got))]) - sound.Level(ref)
	j.snr, j.segmented = hearing.SNR(ref, heard), hearing.SegmentalSNR(ref, heard, fine)
	j.aligned = heard
	j.intelligible = hearing.Intelligibility(ref, heard, fine)
	j.distortion = hearing.LogSpectralDistance(ref, heard, fine, 3400)
	return j
}

// codecBars are what a codec must keep of a tone and of speech, going in or out.
var codecBars = map[string]struct{ snr, intelligible float64 }{
	"PCMU": {33, 0.9}, "PCMA": {33, 0.9}, "G722": {30, 0.9}, "opus": {20, 0.85},
}

// pair is a call between two codecs.
type pair struct {
	a, b        *speaker
	session     *Session
	said        []int16
	mark, words int
	begun       time.Time
}

func newPair(t *testing.T, server *Server, a, b sdp.Codec) *pair {
	c := &pair{a: newSpeaker(t, a, route.None), b: newSpeaker(t, b, route.None)}
	seconds := 3
	if testing.Short() {
		seconds = 2
	}
	c.said, c.mark, c.words = utterance(t, a.Name[:3] == "PCM" || b.Name[:3] == "PCM", seconds)
	c.a.prepare(c.said, fine, network{}, 1)
	c.b.prepare(c.said, fine, network{}, 2)
	c.session, _ = dial(t, server, c.a, c.b, Want{Codecs: []string{b.Name}, NoEvents: true}, Want{})
	return c
}

// judge fails unless both ways sound as they must.
func (c *pair) judge(t *testing.T) {
	for _, way := range [][2]*speaker{{c.a, c.b}, {c.b, c.a}} {
		j := judge(t, c.said, c.mark, c.words, way[0], way[1], c.begun)
		from, to := way[0].codec.Name, way[1].codec.Name
		t.Logf("| %s | %s %v", from, to, j)
		snr := min(codecBars[from].snr, codecBars[to].snr)
		if math.Abs(j.tone) > 0.25 || math.Abs(j.speech) > 0.5 {
			t.Errorf("%s to %s: the tone is %+.2f dB off, speech %+.2f dB", from, to, j.tone, j.speech)
		}
		if j.toneSNR < snr || j.intelligible < min(codecBars[from].intelligible, codecBars[to].intelligible) {
			t.Errorf("%s to %s: SNR of the tone %.1f dB (want %.0f), ESTOI %.3f", from, to, j.toneSNR, snr, j.intelligible)
		}
		// A passed packet waits for nobody, a converted one for the buffer and the
		// turn of its path.
		limit := 30 * time.Millisecond
		if from != to {
			limit = 80 * time.Millisecond
		}
		if j.delay > limit || j.delay < ptime {
			t.Errorf("%s to %s: %v from mouth to ear", from, to, j.delay)
		}
		way[1].numbered()
		if from == to {
			break
		}
	}
}

// A tone and speech through every pair of codecs, in calls: as loud as said,
// clean, and soon.
func TestQualityOfPairs(t *testing.T) {
	inTime(t, func(t *testing.T) {
		server := start(t)
		list := []sdp.Codec{pcmu, pcma, g722, opus}
		var calls []*pair
		for i, a := range list {
			for _, b := range list[i:] {
				calls = append(calls, newPair(t, server, a, b))
			}
		}
		parallel(len(calls), func(i int) { calls[i].begun = together(calls[i].a, calls[i].b) })
		t.Log("| from | to | tone dB | SNR dB | speech dB | SNR dB | segmental dB | ESTOI | delay |")
		for _, c := range calls {
			c.judge(t)
		}
	})
}

// parallel does n things at once.
func parallel(n int, do func(int)) {
	done := make(chan struct{})
	for i := range n {
		go func() {
			defer func() { done <- struct{}{} }() // also when do ends the test
			do(i)
		}()
	}
	for range n {
		<-done
	}
}
