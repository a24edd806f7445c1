package sound

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// channels reads both sides of a recording.
func channels(t *testing.T, path string) (rate int, sides [2][]int16) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if r.channels != 2 {
		t.Fatalf("%d channels", r.channels)
	}
	b := make([]int16, 2000)
	for n := 1000; n == 1000; {
		n = readChannels(r, b)
		for i := range n {
			sides[0], sides[1] = append(sides[0], b[2*i]), append(sides[1], b[2*i+1])
		}
	}
	if int64(len(sides[0])) != r.Frames() {
		t.Errorf("%d frames, the header says %d", len(sides[0]), r.Frames())
	}
	return r.Rate(), sides
}

// talk feeds a side as a path does: each step when the last of it was heard.
func talk(r *Recorder, side, rate int, pcm []int16, step time.Duration, late func(n int) time.Duration) {
	begin := time.Now()
	size := samplesAt(step, rate)
	for n := 0; (n+1)*size <= len(pcm); n++ {
		due := begin.Add(time.Duration(n+1) * step)
		if late != nil {
			due = due.Add(late(n))
		}
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		r.Tap(side, pcm[n*size:(n+1)*size], rate)
	}
}

// tale is silence with marks at the places given.
func tale(rate int, length time.Duration, marks ...time.Duration) []int16 {
	s := make([]int16, samplesAt(length, rate))
	for _, m := range marks {
		copy(s[samplesAt(m, rate):], SweepAt(rate, 600, 2600, -12, 100*time.Millisecond))
	}
	return s
}

// places finds the marks in a side.
func places(s []int16) (at []time.Duration) {
	mark := Mark(-12)
	for from := 0; from+len(mark) <= len(s); {
		end := min(from+Rate/2+len(mark), len(s))
		if k, likeness := Find(s[from:end], mark); likeness > 0.7 {
			at = append(at, Duration(from+k))
			from += k + len(mark)
		} else {
			from += Rate / 2
		}
	}
	return at
}

func TestRecordingKeepsBothSidesInTime(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	for _, c := range []struct {
		name  string
		rates [2]int
		begin [2]time.Duration // when a side begins to be fed
		marks [2][]time.Duration
		late  func(n int) time.Duration // of side 1
		near  time.Duration
	}{
		{name: "one rate", rates: [2]int{8000, 8000}, marks: [2][]time.Duration{{1 * s, 3 * s}, {1 * s, 4 * s}}, near: 5 * ms},
		{name: "48 kHz and 8", rates: [2]int{48000, 8000}, marks: [2][]time.Duration{{1 * s, 3 * s}, {1 * s, 3 * s}}, near: 5 * ms},
		{name: "16 kHz, late to come", rates: [2]int{8000, 16000}, begin: [2]time.Duration{0, 2300 * ms}, marks: [2][]time.Duration{{1 * s, 4 * s}, {4 * s}}, near: 5 * ms},
		{name: "a worker that stumbles", rates: [2]int{8000, 8000}, marks: [2][]time.Duration{{1 * s, 3 * s}, {1 * s, 3 * s}}, near: 5 * ms,
			late: func(n int) time.Duration { // for 300 ms nothing, then all at once
				if at := n % 60; at < 15 {
					return time.Duration(15-at) * 20 * ms
				}
				return 0
			}},
		{name: "uneven", rates: [2]int{8000, 8000}, marks: [2][]time.Duration{{1 * s, 3 * s}, {1 * s, 3 * s}}, near: 35 * ms,
			late: func(n int) time.Duration { return time.Duration(n*7%5) * 8 * ms }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.wav")
			synctest.Test(t, func(t *testing.T) {
				r, err := Record(path, Rate, nil)
				if err != nil {
					t.Fatal(err)
				}
				var both sync.WaitGroup
				for side := range 2 {
					both.Go(func() {
						time.Sleep(c.begin[side])
						late := c.late
						if side == 0 {
							late = nil
						}
						var marks []time.Duration
						for _, m := range c.marks[side] {
							marks = append(marks, m-c.begin[side])
						}
						talk(r, side, c.rates[side], tale(c.rates[side], 5*s-c.begin[side], marks...), 20*ms, late)
					})
				}
				both.Wait()
				if p := r.Progress(); p.Written < 4*s || p.Overflow != [2]time.Duration{} || p.Moved != [2]time.Duration{} {
					t.Errorf("%+v", p)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			})
			_, sides := channels(t, path)
			if d := Duration(len(sides[0])) - 5*s; d.Abs() > 500*ms {
				t.Errorf("the recording is %v long", Duration(len(sides[0])))
			}
			for i := range sides {
				at := places(sides[i])
				if len(at) != len(c.marks[i]) {
					t.Errorf("side %d: marks at %v, want %v", i, at, c.marks[i])
					continue
				}
				for k, want := range c.marks[i] {
					if (at[k] - want).Abs() > c.near {
						t.Errorf("side %d: mark %d at %v, want %v", i, k, at[k], want)
					}
				}
			}
		})
	}
}

// A side that stops and comes back, and one that is fed twice as fast as real.
func TestRecordingOfGapsAndHaste(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	synctest.Test(t, func(t *testing.T) {
		r, err := Record(path, Rate, nil)
		if err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(func() {
			talk(r, 0, 8000, tale(8000, time.Second, 500*time.Millisecond), 20*time.Millisecond, nil)
			time.Sleep(1234 * time.Millisecond)
			talk(r, 0, 8000, tale(8000, 2*time.Second, 500*time.Millisecond), 20*time.Millisecond, nil)
		})
		both.Go(func() {
			for range 100 {
				time.Sleep(40 * time.Millisecond)
				r.Tap(1, make([]int16, 640), 8000)
			}
		})
		both.Wait()
		if p := r.Progress(); p.Moved[0] != 0 || p.Moved[1] < 3*time.Second || p.Moved[1] > 4500*time.Millisecond {
			t.Errorf("%+v", p)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	_, sides := channels(t, path)
	at := places(sides[0])
	if len(at) != 2 || (at[0]-500*time.Millisecond).Abs() > 5*time.Millisecond || (at[1]-2734*time.Millisecond).Abs() > 5*time.Millisecond {
		t.Errorf("marks at %v", at)
	}
}

// full is a disk that takes so much and no more, or none for a while.
type full struct {
	*os.File
	left  int
	block chan struct{}
}

var errDisk = errors.New("no space left on device")

func (f *full) Write(b []byte) (int, error) {
	if f.block != nil {
		<-f.block
	}
	if f.left -= len(b); f.left < 0 {
		n, _ := f.File.Write(b[:max(len(b)+f.left, 0)])
		return n, errDisk
	}
	return f.File.Write(b)
}

func TestFullDiskEndsTheRecordingAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Int32
		var r *Recorder
		r, err := RecordTo(&full{File: file, left: 50001}, Rate, func(err error) {
			if !errors.Is(err, errDisk) || !errors.Is(r.Close(), errDisk) {
				t.Errorf("told %v", err)
			}
			told.Add(1)
		})
		if err != nil {
			t.Fatal(err)
		}
		talk(r, 0, 8000, tale(8000, 5*time.Second, time.Second), 20*time.Millisecond, nil)
		if told.Load() != 1 {
			t.Errorf("told %d times", told.Load())
		}
		if err := r.Close(); !errors.Is(err, errDisk) {
			t.Errorf("closed with %v", err)
		}
	})
	if _, sides := channels(t, path); len(places(sides[0])) != 1 {
		t.Errorf("what was written (%v) cannot be used", Duration(len(sides[0])))
	}
}

func TestSlowDiskNeverStopsATap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	synctest.Test(t, func(t *testing.T) {
		disk := &full{File: file, left: 1 << 30}
		r, err := RecordTo(disk, Rate, nil)
		if err != nil {
			t.Fatal(err)
		}
		disk.block = make(chan struct{}) // the header is written by now
		begin := time.Now()
		talk(r, 0, 8000, tale(8000, 10*time.Second, 500*time.Millisecond), 20*time.Millisecond, nil)
		if d := time.Since(begin); d != 10*time.Second {
			t.Errorf("10 s of sound took %v", d)
		}
		close(disk.block)
		talk(r, 0, 8000, tale(8000, 3*time.Second, time.Second), 20*time.Millisecond, nil)
		if p := r.Progress(); p.Overflow[0] < 3*time.Second || p.Overflow[0] > 6*time.Second {
			t.Errorf("%+v", p)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	_, sides := channels(t, path)
	at := places(sides[0])
	if len(at) != 2 || (at[0]-500*time.Millisecond).Abs() > 5*time.Millisecond || (at[1]-11*time.Second).Abs() > 5*time.Millisecond {
		t.Errorf("marks at %v", at)
	}
}

func TestTapsAllocateNothing(t *testing.T) {
	r, err := Record(filepath.Join(t.TempDir(), "a.wav"), Rate, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pcm := make([]int16, 160)
	if n := testing.AllocsPerRun(200, func() { r.Tap(0, pcm, 8000); r.Tap(1, pcm, 8000) }); n >= 1 {
		t.Errorf("%v allocations", n) // the writer's own are counted too
	}
	tr := newTrack(Rate, time.Now())
	if n := testing.AllocsPerRun(100, func() { tr.push(pcm, 8000, time.Now()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRecordRefusesAFileThatIsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	if err := WriteWAV(path, Silence(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := Record(path, Rate, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("%v", err)
	}
}

func TestSilentRecordingIsSilent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	synctest.Test(t, func(t *testing.T) {
		r, err := Record(path, 16000, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	rate, sides := channels(t, path)
	if rate != 16000 || len(sides[0]) != 32000 || !math.IsInf(Level(sides[0]), -1) || !math.IsInf(Level(sides[1]), -1) {
		t.Errorf("%d samples at %d", len(sides[0]), rate)
	}
}

// Sides whose clocks are 200 ppm fast and slow are together after 20 minutes,
// when they would be half a second apart.
func TestRecordingFollowsClocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	const length, mark = 20 * time.Minute, 20*time.Minute - 2*time.Second
	synctest.Test(t, func(t *testing.T) {
		r, err := Record(path, Rate, nil)
		if err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		for side, ppm := range []int64{200, -200} {
			both.Go(func() {
				// Both say it at the same moment, each by its own clock.
				own := mark - mark*time.Duration(ppm)/1e6
				drift := func(n int) time.Duration {
					return 20 * time.Millisecond * time.Duration(n+1) * time.Duration(ppm) / 1e6
				}
				talk(r, side, 8000, tale(8000, length, own), 20*time.Millisecond, drift)
			})
		}
		both.Wait()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("%+v", r.Progress())
	})
	_, sides := channels(t, path)
	tail := Samples(mark) - Rate
	for i := range sides {
		at, likeness := Find(sides[i][tail:min(tail+2*Rate, len(sides[i]))], Mark(-12))
		if off := Duration(at) - time.Second; likeness < 0.9 || off.Abs() > slack+10*time.Millisecond {
			t.Errorf("side %d: %v from its place, likeness %.2f", i, off, likeness)
		}
	}
}

// readChannels is Read with the channels side by side: it fills pcm with whole
// frames and returns how many of them.
func readChannels(w *Reader, pcm []int16) int {
	n := len(pcm) / w.channels
	for i := range n {
		if !w.next() {
			return i
		}
		copy(pcm[i*w.channels:], w.frame[:w.channels])
	}
	return n
}
