package sound

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// holdback is how far the file lags behind the call: sound up to this much late is
	// still written at its time.
	holdback = 500 * time.Millisecond
	// beat is how often the writer looks for sound.
	beat = 50 * time.Millisecond
	// hot is how much sound a tap can buffer while the writer waits for a disk.
	hot = 2 * time.Second
)

// Recorder writes a call to a stereo WAV file: side 0 left, side 1 right, each sample
// at its time, and silence where a side was silent. Its taps never wait. A full disk,
// or another error of the file, ends only the recording.
type Recorder struct {
	rate  int
	start time.Time
	sides [2]*track
	w     *Writer
	file  *os.File // closed at the end, if Record made it

	failed  func(error)
	dead    atomic.Bool
	written atomic.Int64
	err     error
	stop    chan struct{}
	once    sync.Once
	done    chan struct{}
	mix     []int16
}

// Progress is the progress of a recording.
type Progress struct {
	Written  time.Duration    // in the file
	Overflow [2]time.Duration // sound of each side that was lost because the disk was slow
	Moved    [2]time.Duration // sound that was cut because it came too fast or too late
}

// Record begins a recording in a new file at path. failed may be nil; it is called
// once, on a goroutine of the recorder, if an error ends the recording.
func Record(path string, rate int, failed func(error)) (*Recorder, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("beginning a recording: %w", err)
	}
	r, err := newRecorder(f, rate, failed)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.file = f
	go r.run()
	return r, nil
}

// RecordTo records to a file that is open and empty, and leaves it open.
func RecordTo(f File, rate int, failed func(error)) (*Recorder, error) {
	r, err := newRecorder(f, rate, failed)
	if err == nil {
		go r.run()
	}
	return r, err
}

func newRecorder(f File, rate int, failed func(error)) (*Recorder, error) {
	w, err := newWriter(f, rate, 2)
	if err != nil {
		return nil, fmt.Errorf("beginning a recording: %w", err)
	}
	now := time.Now()
	return &Recorder{
		rate: rate, start: now, w: w, failed: failed, stop: make(chan struct{}), done: make(chan struct{}),
		sides: [2]*track{newTrack(rate, now), newTrack(rate, now)}, mix: make([]int16, 2*rate/50),
	}, nil
}

// Tap takes sound of a side (0 or 1), mono at any rate, as it is heard. It never waits
// and never allocates. Only one goroutine at a time may feed a side.
func (r *Recorder) Tap(side int, pcm []int16, rate int) {
	if !r.dead.Load() {
		r.sides[side&1].push(pcm, rate, time.Now())
	}
}

// Progress returns the progress. Any goroutine may call it.
func (r *Recorder) Progress() Progress {
	p := Progress{Written: lasting(r.written.Load(), r.rate)}
	for i, t := range r.sides {
		p.Overflow[i] = time.Duration(t.overflow.Load())
		p.Moved[i] = lasting(t.moved.Load(), r.rate)
	}
	return p
}

// Close writes what was heard so far and ends the file. It returns the error that ended
// the recording, if one did.
func (r *Recorder) Close() error {
	r.once.Do(func() { close(r.stop) })
	<-r.done
	return r.err
}

// run is the writer's goroutine.
func (r *Recorder) run() {
	defer func() {
		close(r.done) // before finish, so that failed may call Close
		if r.err != nil && r.failed != nil {
			r.failed(r.err)
		}
	}()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for err := error(nil); ; {
		select {
		case now := <-tick.C:
			err = r.flush(now.Sub(r.start) - holdback)
		case <-r.stop:
			r.finish(r.flush(time.Since(r.start)))
			return
		}
		if err != nil {
			r.finish(err)
			return
		}
	}
}

// finish closes the file. It keeps the first error: err, or that of closing.
func (r *Recorder) finish(err error) {
	r.dead.Store(true)
	if e := r.w.Close(); err == nil {
		err = e
	}
	if r.file != nil {
		if e := r.file.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		r.err = fmt.Errorf("recording: %w", err)
	}
}

// flush writes everything up to a time since the start.
func (r *Recorder) flush(until time.Duration) error {
	for _, t := range r.sides {
		t.collect()
	}
	end := int64(samplesAt(max(until, 0), r.rate))
	for at := r.written.Load(); at < end; at = r.written.Load() {
		n := int(min(end-at, int64(len(r.mix)/2)))
		for i, t := range r.sides {
			t.lay(r.mix, i, n)
		}
		if err := r.w.Write(r.mix[:2*n]); err != nil {
			return err
		}
		r.written.Add(int64(n))
	}
	return nil
}
