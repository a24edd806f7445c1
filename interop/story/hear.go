package story

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"tandem/media/sound"
)

// What is heard must be right to 1 % of its frequency and 2 dB of its level, for so
// long in all. What is silent must be so for as long at a stretch. Both are waited for.
const (
	Level  = -15.0 // of what parties say, dBFS
	within = 2.0   // dB
	enough = 300 * time.Millisecond
	glance = 40 * time.Millisecond // between two looks
)

// total is how long a tone was heard, and the longest piece of it.
func total(tones []sound.Segment, freq float64) (all time.Duration, best sound.Segment) {
	for _, s := range tones {
		if math.Abs(s.Freq-freq) < freq/100 {
			all += s.Length
			if s.Length > best.Length {
				best = s
			}
		}
	}
	return all, best
}

// hears waits until a party hears a tone well enough.
func hears(ctx context.Context, p Party, freq float64) error {
	mark := p.Mark()
	if !sleep(ctx, enough) { // it cannot be sooner
		return ctx.Err()
	}
	for {
		tones, err := p.Heard(mark)
		if err != nil {
			return err
		}
		all, best := total(tones, freq)
		if all >= enough && math.Abs(best.Level-Level) < within {
			return nil
		}
		if !sleep(ctx, glance) {
			return fmt.Errorf("%s should hear %.0f Hz at %.0f dBFS and heard %s", p.Kind(), freq, Level, list(tones))
		}
	}
}

// silent waits until a party hears nothing of a tone any more.
func silent(ctx context.Context, p Party, freq float64) error {
	mark := p.Mark()
	heard, since := time.Duration(0), time.Now()
	for {
		tones, err := p.Heard(mark)
		if err != nil {
			return err
		}
		if all, _ := total(tones, freq); all > heard {
			heard, since = all, time.Now()
		}
		if time.Since(since) >= enough {
			return nil
		}
		if !sleep(ctx, glance) {
			return fmt.Errorf("%s should not hear %.0f Hz any more and heard %s", p.Kind(), freq, list(tones))
		}
	}
}

// talk has two parties hear each other.
func talk(ctx context.Context, a, b Party) error {
	return together(ctx,
		func(ctx context.Context) error { return hears(ctx, a, b.Tone()) },
		func(ctx context.Context) error { return hears(ctx, b, a.Tone()) })
}

func list(tones []sound.Segment) string {
	if len(tones) == 0 {
		return "no tone"
	}
	s := ""
	for _, t := range tones {
		s += fmt.Sprintf("%.0f Hz at %.1f dBFS for %.2f s; ", t.Freq, t.Level, t.Length.Seconds())
	}
	return s[:len(s)-2]
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// together does things at the same time. The first error ends the others and is the
// one that counts.
func together(ctx context.Context, things ...func(context.Context) error) (first error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var once sync.Once
	for _, f := range things {
		wg.Go(func() {
			if err := f(ctx); err != nil {
				once.Do(func() { first = err })
				cancel()
			}
		})
	}
	wg.Wait()
	return first
}
