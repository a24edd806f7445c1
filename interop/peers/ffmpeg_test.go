package peers_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/interop/process"
	"tandem/media"
	"tandem/media/sdp"
	"tandem/media/sound"
	"tandem/test/hearing"
	"tandem/test/realtime"
)

// wide is the rate of what ffmpeg is given to say and of what it records,
// toneFreq that of the tone in it.
const (
	wide     = 16000
	toneFreq = 1004.0
)

// bars of a pair of codecs: by the worse of the two.
var bars = map[phones.Codec]struct{ level, snr float64 }{
	phones.PCMU: {0.5, 30},
	phones.PCMA: {0.5, 30},
	phones.G722: {0.5, 25},
	phones.Opus: {0.5, 18}, // it keeps how a sound is heard, not its shape
}

// spell is one call between two ffmpegs, and what came of it.
type spell struct {
	from, to peers.Stream
	dir      string
	report   media.Report
	said     string
	woken    time.Duration // late, at most, while it was made
	err      error
}

// ffmpeg says a tone, a mark, speech and a mark again in each codec, plain and
// with SRTP, to another ffmpeg that records, through a session of our relay,
// passed on and converted to each other codec.
func TestFFmpeg(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	say, text := utterance(t, dir)
	server := mediaServer(t, media.Config{})
	var all []*spell
	for i, a := range []phones.Codec{phones.PCMU, phones.PCMA, phones.G722, phones.Opus} {
		for j, b := range []phones.Codec{phones.PCMU, phones.PCMA, phones.G722, phones.Opus} {
			// Each codec plain and protected; pairs of two with either side so.
			for _, locked := range [][2]bool{{false, false}, {true, true}, {true, false}, {false, true}} {
				if (a == b) != (locked[0] == locked[1]) || a != b && locked[0] != ((i+j)%2 == 0) {
					continue
				}
				s := &spell{from: peers.Stream{Codec: a}, to: peers.Stream{Codec: b}, dir: filepath.Join(dir, fmt.Sprint(len(all)))}
				if locked[0] {
					s.from.Key = newKey(t)
				}
				if locked[1] {
					s.to.Key = "ours" // whatever the relay chooses
				}
				all = append(all, s)
			}
		}
	}
	var wait sync.WaitGroup
	room := make(chan struct{}, 7) // more at once keep two cores from speaking in time
	for _, s := range all {
		wait.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			s.err = s.run(t.Context(), server, say)
		})
	}
	wait.Wait()
	for _, s := range all {
		t.Run(fmt.Sprintf("%s-%v_%s-%v", s.from.Codec, s.from.Key != "", s.to.Codec, s.to.Key != ""), func(t *testing.T) {
			wrong := s.judge(t, text)
			for n := 2; n <= realtime.Attempts && len(wrong) > 0 && s.late(); n++ {
				t.Logf("made again, alone, because ffmpeg or the relay got no processor in time, %v late: %q", s.woken, wrong)
				s.dir += "again"
				s.err = s.run(t.Context(), server, say)
				wrong = s.judge(t, text)
			}
			if len(wrong) > 0 && s.late() {
				t.Error(realtime.TooSlow(s.woken))
			}
			for _, w := range wrong {
				t.Error(w)
			}
		})
	}
}

func newKey(t *testing.T) string {
	var b [30]byte
	_, err := rand.Read(b[:])
	must(t, "making a key", err)
	return peers.NewKey(b)
}

// utterance writes what is said and returns its samples.
func utterance(t *testing.T, dir string) (file string, pcm []int16) {
	t.Helper()
	path, err := process.Find("espeak-ng")
	must(t, "speaking", err)
	b, err := exec.Command(path, "--stdout", "-s", "150", "The birch canoe slid on the smooth planks.").Output()
	must(t, "speaking", err)
	speech, err := sound.DecodeWAVAt(wide, strings.NewReader(string(b)))
	must(t, "reading speech", err)
	mark, pause := sound.SweepAt(wide, 600, 2600, level, 100*time.Millisecond), make([]int16, wide/5)
	pcm = slices.Concat(sound.ToneAt(wide, toneFreq, level, 1500*time.Millisecond), pause, mark, pause, speech[:min(len(speech), 2*wide)], pause, mark, pause)
	file = filepath.Join(dir, "say.wav")
	// ffmpeg speaks in time by what it reads at once, 1,024 octets at least: so
	// many that packets would come in bursts, were there not 48,000 samples a second.
	up := sound.NewResampler(wide, 48000)
	must(t, "writing what is said", sound.WriteWAVAt(file, 48000, up.Flush(up.Append(nil, pcm))))
	return file, pcm
}

// run makes the call, of about six seconds.
func (s *spell) run(ctx context.Context, server *media.Server, say string) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return err
	}
	session, err := server.Open(s.dir, media.Options{})
	if err != nil {
		return err
	}
	defer session.Close()
	from, err := process.RTPPort()
	if err != nil {
		return err
	}
	to, err := process.RTPPort()
	if err != nil {
		return err
	}
	want := media.Want{Security: media.SecurityNone, Codecs: []string{string(s.to.Codec)}, NoEvents: true}
	hear := s.to
	if s.to.Key != "" {
		want.Security = media.SecuritySDES
	}
	offer, err := session.Offer(media.A, []byte(s.from.Describe(from, "sendonly")), want)
	if err != nil {
		return err
	}
	d, err := sdp.Parse(offer)
	if err != nil {
		return err
	}
	if s.to.Key != "" { // ffmpeg opens with the key we send with
		for _, c := range d.Media[0].Crypto {
			if c.Suite == "AES_CM_128_HMAC_SHA1_80" {
				hear.Key = strings.TrimPrefix(c.Key, "inline:")
			}
		}
	}
	reply := hear.Describe(to, "recvonly")
	for _, c := range d.Media[0].Crypto {
		if c.Suite == "AES_CM_128_HMAC_SHA1_80" {
			reply = strings.Replace(reply, "a=crypto:1", fmt.Sprintf("a=crypto:%d", c.Tag), 1)
		}
	}
	answer, err := session.Answer(media.B, []byte(reply), media.Want{})
	if err != nil {
		return err
	}
	if d, err = sdp.Parse(answer); err != nil {
		return err
	}
	r, err := hear.Hear(ctx, s.dir, to)
	if err != nil {
		return err
	}
	pace := realtime.Watch()
	err = s.from.Say(ctx, say, from, d.Media[0].Port)
	time.Sleep(300 * time.Millisecond) // what is in buffers
	s.woken = pace.End()
	s.report = session.Report()
	session.Close() // says BYE
	_ = r.Close()
	s.said = r.Said()
	return err
}

// late says that packets came late: on time they come within milliseconds, no
// more than a packet is kept waiting, and the far side misses none. When it does,
// Opus spends bits on saying all twice.
func (s *spell) late() bool {
	if len(s.report.Streams) == 0 {
		return false
	}
	a, b := s.report.Streams[0].Sides[media.A], s.report.Streams[0].Sides[media.B]
	return s.woken > realtime.Tolerable || a.Received.Jitter > 8*time.Millisecond || a.Path.Concealed > 50*time.Millisecond ||
		a.Path.BufferTarget > 20*time.Millisecond || a.Path.LateTicks > 1 || b.Hears.Lost > 0
}

// judge looks at what was recorded and says what is wrong with it.
func (s *spell) judge(t *testing.T, text []int16) (wrong []string) {
	t.Helper()
	must(t, "the call", s.err)
	fault := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	f, err := os.Open(filepath.Join(s.dir, "heard.wav"))
	must(t, "opening the recording", err)
	defer f.Close()
	got, err := sound.DecodeWAVAt(wide, f)
	if err != nil {
		t.Fatalf("reading the recording: %v\nffmpeg said: %s", err, s.said)
	}
	sides := s.report.Streams[0].Sides
	bar := bars[s.from.Codec]
	bar.snr = min(bar.snr, bars[s.to.Codec].snr)

	// The tone, in blocks so that one late packet spoils one.
	var levels, snrs []float64
	holes := 0
	for at := wide / 4; at+wide/10 <= min(len(got), wide*5/4); at += wide / 10 {
		block := got[at : at+wide/10]
		l, snr := sound.Level(block), hearing.SineSNR(wide, block, toneFreq)
		levels, snrs = append(levels, l), append(snrs, snr)
		for k := 0; k+wide/100 <= len(block); k += wide / 100 {
			if sound.Level(block[k:k+wide/100]) < level-20 {
				holes++
			}
		}
	}
	freq, _ := sound.FrequencyAt(wide, got[min(wide/4, len(got)):min(wide*5/4, len(got))])
	// The marks: where, and how far apart.
	mark := sound.SweepAt(wide, 600, 2600, level, 100*time.Millisecond)
	half := len(text) / 2
	first, alike := find(got[:min(half, len(got))], mark)
	second, again := find(got[min(half, len(got)):], mark)
	want, _ := sound.Find(text[:half], mark)
	wantSecond, _ := sound.Find(text[half:], mark)
	shift := time.Duration(first-want) * time.Second / wide
	apart := time.Duration(second+min(half, len(got))-first-(wantSecond+half-want)) * time.Second / wide
	// The speech: as loud as said, and understood.
	ref := text[want+len(mark) : wantSecond+half]
	heard := got[min(first+len(mark), len(got)):min(first+len(mark)+len(ref), len(got))]
	ref = narrow(ref, s)
	speech := sound.Level(heard) - sound.Level(ref)
	esto := hearing.Intelligibility(ref, hearing.Align(ref, heard, wide/4, wide/40), wide)
	t.Logf("%d packets; tone %.1f Hz, level %+.2f dB, SNR %.1f dB; mark shifted by %v, likeness %.2f and %.2f, apart by %v more; speech level %+.2f dB, ESTOI %.3f; jitter %v, concealed %v, wanted delay %v, %d late turns, %d lost at the far side",
		sides[media.A].Received.Packets, freq, median(levels)-level, median(snrs), shift.Round(time.Millisecond), alike, again, apart.Round(time.Millisecond), speech, esto, sides[media.A].Received.Jitter, sides[media.A].Path.Concealed, sides[media.A].Path.BufferTarget, sides[media.A].Path.LateTicks, sides[media.B].Hears.Lost)
	if d := median(levels) - level; math.Abs(d) > bar.level {
		fault("level is %+.2f dB off, at most %.1f may be", d, bar.level)
	}
	if median(snrs) < bar.snr {
		fault("SNR %.1f dB, want %.0f", median(snrs), bar.snr)
	}
	if math.Abs(freq-toneFreq) > 1 || holes > 0 {
		fault("%.1f Hz with %d holes of 10 ms, want %.0f without", freq, holes, toneFreq)
	}
	if alike < 0.6 || again < 0.6 || apart.Abs() > 60*time.Millisecond {
		fault("marks are %.2f and %.2f alike, apart by %v more than said", alike, again, apart)
	}
	if math.Abs(speech) > 1 || esto < 0.8 {
		fault("speech is %+.2f dB off, ESTOI %.3f", speech, esto)
	}
	if a := sides[media.A]; a.Received.Lost > 0 || a.Refused > 0 || a.Converting != (s.from.Codec != s.to.Codec) {
		fault("the relay lost %d, refused %d, converting %v\nffmpeg said: %s", a.Received.Lost, a.Refused, a.Converting, s.said)
	}
	return wrong
}

// find looks for a mark by the better of its halves: in the other one the relay
// may have changed its delay.
func find(pcm, mark []int16) (at int, alike float64) {
	half := len(mark) / 2
	at, alike = sound.Find(pcm, mark[:half])
	if later, more := sound.Find(pcm, mark[half:]); more > alike {
		return later - half, more
	}
	return at, alike
}

// TestFind takes 10 ms out of a mark, at each place.
func TestFind(t *testing.T) {
	t.Parallel()
	mark := sound.SweepAt(wide, 600, 2600, level, 100*time.Millisecond)
	gap := wide / 100
	for at := 0; at+gap <= len(mark); at += gap {
		pcm := slices.Concat(make([]int16, wide/2), mark[:at], mark[at+gap:], make([]int16, wide/2))
		got, alike := find(pcm, mark)
		if got > wide/2 || got < wide/2-gap || alike < 0.9 {
			t.Errorf("cut at %d, it is found at %d, %.2f alike", at, got-wide/2, alike)
		}
	}
}

// narrow is ref as a telephone band lets it through where one end has no more.
func narrow(ref []int16, s *spell) []int16 {
	for _, c := range []phones.Codec{s.from.Codec, s.to.Codec} {
		if c == phones.PCMU || c == phones.PCMA {
			down := sound.NewResampler(wide, 8000)
			low := down.Flush(down.Append(nil, ref))
			up := sound.NewResampler(8000, wide)
			return up.Flush(up.Append(nil, low))
		}
	}
	return ref
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}
