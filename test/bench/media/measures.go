package media

import (
	"context"
	"fmt"
	"time"
)

// relayed compares both relays in user space, and no relay, at several sizes.
func (b *bench) relayed(ctx context.Context, t *table) error {
	for _, calls := range []int{100, 500, 1000} {
		r, err := b.alternate(ctx, plain, calls, "direct", "rtpengine", "tandem")
		if err != nil {
			return err
		}
		theirs, ours, none := r["rtpengine"], r["tandem"], r["direct"]
		t.load(plain.name, calls, none, theirs, ours)
		t.bar(fmt.Sprintf("CPU a packet to rtpengine's, %d calls", calls), ours.cpu/theirs.cpu, "≤", 0.65, "%.2f")
		if calls == 100 {
			t.bar("delay added, p50 at 100 calls, ms", (ours.p50-none.p50).Seconds()*1e3, "<", 0.2, "%.3f")
		}
		if calls == 1000 {
			t.bar("loss at 1000 calls on one core, %", 100*ours.loss, "<", 0.1, "%.3f")
			t.bar("p99 at 1000 calls, ms", ours.p99.Seconds()*1e3, "<", 5, "%.2f")
		}
	}
	return nil
}

// reports are sent in this time once for each stream; windows in which little
// else is done hold them all.
const reports = 5 * time.Second

// kernel measures ours with streams forwarded in the kernel.
func (b *bench) kernel(ctx context.Context, t *table) error {
	const calls = 2000
	const name = "tandem in the kernel"
	b.say("%s, %d calls", name, calls)
	l, err := b.lane(ctx, name, plain, calls, nil)
	if err != nil {
		return err
	}
	defer l.close()
	settle := 6 * time.Second // until calls have moved there
	for range b.repeats {
		if err := b.measure(ctx, l, settle, max(b.length, reports)); err != nil {
			return err
		}
		settle = b.settle
	}
	ours := middle(l.all)
	t.load(name, calls, figures{}, figures{}, ours)
	t.bar("CPU of the process a packet, in the kernel, 2000 calls, µs", ours.cpu, "<", 0.05, "%.3f")
	t.bar("loss in the kernel, 2000 calls, %", 100*ours.loss, "<", 0.1, "%.3f")
	return nil
}

// protected compares both with one side in SRTP.
func (b *bench) protected(ctx context.Context, t *table) error {
	const calls = 300
	r, err := b.alternate(ctx, protected, calls, "rtpengine", "tandem")
	if err != nil {
		return err
	}
	t.load(protected.name, calls, figures{}, r["rtpengine"], r["tandem"])
	return nil
}

// converted looks for the most calls each can convert. Ours is asked three times:
// with phones that send the bandwidth it asks them for, with phones that send all
// they have, as those of rtpengine do, and with these and Opus decoded in Go.
func (b *bench) converted(ctx context.Context, t *table) error {
	heeding, err := speak()
	if err != nil {
		return err
	}
	wide := *heeding
	wide.narrow = wide.opus
	steps := []int{40, 55, 70, 85, 100, 120, 140, 160, 180, 200, 220, 240, 260, 280, 300, 330, 360, 400, 440, 480}
	var all [4]capacity
	for i, m := range []struct {
		lane  string
		says  *speech
		steps []int
	}{
		{"rtpengine", &wide, []int{10, 15, 20, 24, 28, 32, 36, 40, 48, 56, 64, 72, 80}},
		{"tandem", heeding, steps},
		{"tandem", &wide, steps},
		{inGo, &wide, steps},
	} {
		if all[i], err = b.most(ctx, m.lane, m.says, m.steps); err != nil {
			return err
		}
	}
	theirs := max(all[0].calls, 1)
	t.most("rtpengine", all[0])
	t.most("tandem, phones send the bandwidth asked for", all[1])
	t.most("tandem, phones send full-band Opus", all[2])
	t.most("tandem, the same decoded in Go", all[3])
	t.bar("calls converted on a core, to rtpengine's", float64(all[1].calls)/float64(theirs), "≥", 4, "%.1f")
	t.bar("the same, full-band Opus", float64(all[2].calls)/float64(theirs), "≥", 4, "%.1f")
	t.bar("calls converted on a core, full-band Opus decoded in Go", float64(all[3].calls), "≥", 55, "%.0f")
	return nil
}

// capacity is how much one core converts.
type capacity struct {
	calls int     // the most with less than 1 % lost
	core  float64 // of the core used by them
	one   float64 // share of the core a call takes at the first, small step, %
}

const lossAllowed = 0.01

// most adds calls step by step until packets are missing, twice.
func (b *bench) most(ctx context.Context, name string, s *speech, steps []int) (c capacity, err error) {
	b.say("%s", transcoded.name)
	l, err := b.lane(ctx, name, transcoded, 0, s)
	if err != nil {
		return c, err
	}
	defer l.close()
	for _, calls := range steps {
		if err := l.phones.call(ctx, transcoded, l.relay, calls-l.phones.calls, s); err != nil {
			return c, err
		}
		good := false
		for try := 0; try < 2 && !good; try++ {
			if err := b.measure(ctx, l, 1500*time.Millisecond, b.length); err != nil {
				return c, err
			}
			f := l.all[len(l.all)-1]
			if good = f.loss < lossAllowed; good {
				c.calls, c.core = calls, f.core
			}
			if c.one == 0 {
				c.one = 100 * f.core / float64(calls)
			}
		}
		if !good {
			break
		}
	}
	return c, nil
}
