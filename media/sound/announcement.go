package sound

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// ahead is how much of a file is read before it is played.
const ahead = 2 * time.Second

// Announcement plays a WAV file as a Source. A goroutine reads the file ahead, so that
// Read never waits for a disk; if the disk is late, silence is played.
type Announcement struct {
	rate   int
	ring   *ring
	wake   chan struct{}
	stop   chan struct{}
	once   sync.Once
	done   sync.WaitGroup
	ended  atomic.Bool // everything is in the ring
	err    atomic.Pointer[error]
	played atomic.Int64
	missed atomic.Int64
	length int64 // samples of all repetitions, -1 when unknown
	repeat int
	file   *os.File
}

// OpenAnnouncement opens a WAV file to be played at a rate, times times (0: without
// end). It must be closed.
func OpenAnnouncement(path string, rate, times int) (*Announcement, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening an announcement: %w", err)
	}
	r, err := NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("opening the announcement %s: %w", path, err)
	}
	a := &Announcement{
		rate: rate, ring: newRing(samplesAt(ahead, rate)), wake: make(chan struct{}, 1), stop: make(chan struct{}),
		length: -1, repeat: times, file: f,
	}
	if r.Frames() >= 0 && times > 0 {
		a.length = r.Frames() * int64(rate) / int64(r.Rate()) * int64(times)
	}
	l := &loader{a: a, r: r, convert: NewResampler(r.Rate(), rate), in: make([]int16, 1024)}
	l.fill() // so that the beginning is there at once
	a.done.Add(1)
	go l.run()
	return a, nil
}

// loader reads the file on a goroutine of its own.
type loader struct {
	a       *Announcement
	r       *Reader
	convert *Resampler
	in, out []int16 // converted, and not in the ring yet
	rounds  int
	some    bool // the current repetition had a sample
	over    bool
}

func (l *loader) run() {
	defer l.a.done.Done()
	defer l.a.file.Close()
	for {
		select {
		case <-l.a.stop:
			return
		case <-l.a.wake:
			if l.fill() {
				return
			}
		}
	}
}

// fill fills the ring and reports whether everything is done.
func (l *loader) fill() bool {
	for {
		if len(l.out) > 0 {
			n := min(len(l.out), l.a.ring.room())
			l.a.ring.put(l.out[:n])
			l.out = l.out[:copy(l.out, l.out[n:])]
			if len(l.out) > 0 {
				return false
			}
		}
		if l.over {
			l.a.ended.Store(true)
			return true
		}
		l.load()
	}
}

// load reads the next piece of the file, or starts it again.
func (l *loader) load() {
	n := l.r.Read(l.in)
	l.some = l.some || n > 0
	l.out = l.convert.Append(l.out, l.in[:n])
	if n == len(l.in) {
		return
	}
	l.out = l.convert.Flush(l.out)
	l.rounds++
	err := l.r.Err()
	// A file without samples must not be read forever.
	if err != nil || !l.some || l.rounds == l.a.repeat {
		l.over = true
	} else if _, err = l.a.file.Seek(0, 0); err == nil {
		var again *Reader
		if again, err = NewReader(l.a.file); err == nil {
			l.r, l.some = again, false
			l.convert = NewResampler(again.Rate(), l.a.rate)
		}
	}
	if err != nil {
		l.over = true
		l.a.err.Store(&err)
	}
}

// Read implements Source.
func (a *Announcement) Read(pcm []int16) int {
	ended := a.ended.Load() // read before the ring: what ended is in it
	n := a.ring.take(pcm)
	a.played.Add(int64(n))
	select {
	case a.wake <- struct{}{}:
	default:
	}
	if n == len(pcm) || ended {
		return n
	}
	clear(pcm[n:])
	a.missed.Add(int64(len(pcm) - n))
	return len(pcm)
}

// Progress returns how much was played, and the total, 0 when unknown.
func (a *Announcement) Progress() (played, length time.Duration) {
	return lasting(a.played.Load(), a.rate), lasting(max(a.length, 0), a.rate)
}

// Missed returns how long there was silence because the disk was late.
func (a *Announcement) Missed() time.Duration { return lasting(a.missed.Load(), a.rate) }

// Err returns the error that ended the reading of the file.
func (a *Announcement) Err() error {
	if e := a.err.Load(); e != nil {
		return fmt.Errorf("playing an announcement: %w", *e)
	}
	return nil
}

// Close ends the announcement; what is in the ring can still be read.
func (a *Announcement) Close() {
	a.once.Do(func() { close(a.stop) })
	a.done.Wait()
	a.ended.Store(true)
}
