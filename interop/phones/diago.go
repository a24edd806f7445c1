package phones

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tandem/cmd/tandem/softphone"
	"tandem/interop/process"
	"tandem/interop/story"
	"tandem/media/sound"
)

// Diago is an endpoint on the libraries sipgo and diago that plays in stories.
type Diago struct {
	story.Plain
	config softphone.Config
	tone   float64

	phone  *softphone.Phone
	call   *softphone.Call
	dialed chan dialed              // how the call of ours went
	rings  chan struct{}            // over there
	came   chan *softphone.Incoming // calls for us
	in     *softphone.Incoming
	cancel context.CancelFunc // of the call of ours, until it is answered
	talked chan struct{}      // closed when the call's sound has ended
	hangUp context.CancelFunc
	press  chan rune

	mu    sync.Mutex
	heard []int16
	keys  string
}

// dialed is what became of a call of ours.
type dialed struct {
	call *softphone.Call
	err  error
}

var _ story.Party = (*Diago)(nil)

var largeDatagrams sync.Once

// StartDiago starts one that is registered over UDP and says a tone in calls.
func StartDiago(ctx context.Context, a Account, tone float64) (*Diago, error) {
	largeDatagrams.Do(softphone.AllowLargeDatagrams)
	d := &Diago{Plain: story.Plain{Name: "diago"}, tone: tone, came: make(chan *softphone.Incoming, 4), press: make(chan rune)}
	d.config = softphone.Config{User: a.User, Password: a.Password, Domain: a.Domain, Server: process.Loopback(a.Port), Codecs: []string{"PCMU"}, OnCall: d.comes}
	return d, d.start(ctx)
}

func (d *Diago) start(ctx context.Context) (err error) {
	if d.phone, err = softphone.New(d.config); err != nil {
		return err
	}
	if _, err = d.phone.Register(ctx, time.Hour); err != nil {
		return errors.Join(err, d.phone.Close())
	}
	return nil
}

// comes has an incoming call wait for what the story does. The call ends with it.
func (d *Diago) comes(in *softphone.Incoming) {
	d.came <- in
	<-in.Done()
}

// Address implements story.Party.
func (d *Diago) Address() string { return d.phone.Address() }

// Tone implements story.Party.
func (d *Diago) Tone() float64 { return d.tone }

// Dial implements story.Party.
func (d *Diago) Dial(_ context.Context, uri string) error {
	ctx, cancel := context.WithCancel(context.Background())
	done, rings := make(chan dialed, 1), make(chan struct{}, 1)
	d.cancel, d.dialed, d.rings = cancel, done, rings
	go func() {
		call, err := d.phone.Dial(ctx, uri, softphone.DialOptions{Progress: func(code int, _ string) {
			if code > 100 {
				select {
				case rings <- struct{}{}:
				default:
				}
			}
		}})
		done <- dialed{call, err}
	}()
	return nil
}

// Ringing implements story.Party.
func (d *Diago) Ringing(ctx context.Context) error {
	select {
	case <-d.rings:
		return nil
	case r := <-d.dialed:
		d.dialed <- r // for Established
		return r.err
	case <-ctx.Done():
		return fmt.Errorf("diago does not hear it ring: %w", ctx.Err())
	}
}

// Incoming implements story.Party.
func (d *Diago) Incoming(ctx context.Context) error {
	select {
	case d.in = <-d.came:
		return d.in.Ring(ctx, 0)
	case <-ctx.Done():
		return fmt.Errorf("diago gets no call: %w", ctx.Err())
	}
}

// Answer implements story.Party.
func (d *Diago) Answer(context.Context) (err error) {
	d.call, err = d.in.Answer()
	return err
}

// Refuse implements story.Party.
func (d *Diago) Refuse(_ context.Context, code int) (int, error) {
	defer d.over()
	return code, d.in.Reject(code, story.Reason(code))
}

// Established implements story.Party.
func (d *Diago) Established(ctx context.Context) error {
	if d.call == nil {
		select {
		case r := <-d.dialed:
			if r.err != nil {
				return r.err
			}
			d.call = r.call
		case <-ctx.Done():
			return fmt.Errorf("diago gets no answer: %w", ctx.Err())
		}
	}
	d.talk()
	return nil
}

// talk has it say its tone and keep what it hears until the call ends.
func (d *Diago) talk() {
	ctx, cancel := context.WithCancel(context.Background())
	d.hangUp, d.talked = cancel, make(chan struct{})
	d.mu.Lock()
	d.heard, d.keys = nil, ""
	d.mu.Unlock()
	call, talked := d.call, d.talked
	go func() {
		defer close(talked)
		_, _ = call.Talk(ctx, softphone.TalkOptions{Play: sound.Tone(d.tone, story.Level, time.Second), Loop: true, Press: d.press, OnSound: d.listen, OnDigit: d.key})
	}()
}

func (d *Diago) listen(all []int16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.heard) < len(all) {
		d.heard = append(d.heard, all[len(d.heard):]...)
	}
}

func (d *Diago) key(r rune) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keys += string(r)
}

// HangUp implements story.Party.
func (d *Diago) HangUp(ctx context.Context) error {
	if d.call == nil && d.cancel != nil {
		d.cancel()
		select {
		case r := <-d.dialed:
			d.over()
			if r.err == nil {
				return errors.New("diago gave up, and the call was answered")
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("diago gives up, and the call does not end: %w", ctx.Err())
		}
	}
	if d.hangUp != nil {
		d.hangUp()
	}
	return d.silent(ctx)
}

// silent waits until its sound has ended.
func (d *Diago) silent(ctx context.Context) error {
	if d.talked == nil {
		return nil
	}
	select {
	case <-d.talked:
		d.over()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the call of diago does not end: %w", ctx.Err())
	}
}

// over forgets the call.
func (d *Diago) over() {
	if d.cancel != nil {
		d.cancel()
	}
	d.call, d.in, d.dialed, d.cancel, d.talked, d.hangUp = nil, nil, nil, nil, nil, nil
}

// Ended implements story.Party.
func (d *Diago) Ended(ctx context.Context) (int, error) {
	switch {
	case d.call != nil:
		return 0, d.silent(ctx)
	case d.in != nil:
		select {
		case <-d.in.Done():
			d.over()
			return 0, nil
		case <-ctx.Done():
			return 0, fmt.Errorf("the call of diago does not end: %w", ctx.Err())
		}
	}
	select {
	case r := <-d.dialed:
		d.over()
		var f *softphone.Failure
		if errors.As(r.err, &f) {
			return f.Code, nil
		}
		return 0, fmt.Errorf("diago is not refused: %v", r.err)
	case <-ctx.Done():
		return 0, fmt.Errorf("diago is not answered: %w", ctx.Err())
	}
}

// Mark implements story.Party.
func (d *Diago) Mark() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.heard)
}

// Heard implements story.Party.
func (d *Diago) Heard(mark int) ([]sound.Segment, error) {
	d.mu.Lock()
	heard := d.heard[min(mark, len(d.heard)):]
	d.mu.Unlock() // what is kept is only added to
	return sound.Segments(heard), nil
}

// Hold implements story.Party.
func (d *Diago) Hold(ctx context.Context, on bool) error { return d.call.Hold(ctx, on) }

// Transfer implements story.Party.
func (d *Diago) Transfer(ctx context.Context, uri string) error {
	told := make(chan int, 8)
	if err := d.call.Refer(ctx, uri, func(code int) {
		select {
		case told <- code:
		default:
		}
	}); err != nil {
		return err
	}
	for {
		select {
		case code := <-told:
			if code >= 300 {
				return fmt.Errorf("diago is told that the transfer failed: %d", code)
			}
			if code >= 200 {
				return d.silent(ctx)
			}
		case <-d.talked: // with its call it forgets who sends reports
			d.over()
			return nil
		case <-ctx.Done():
			return fmt.Errorf("diago is not told how the transfer went: %w", ctx.Err())
		}
	}
}

// Press implements story.Party.
func (d *Diago) Press(ctx context.Context, key string) error {
	select {
	case d.press <- rune(key[0]):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Pressed implements story.Party.
func (d *Diago) Pressed(ctx context.Context, count int) (string, error) {
	return story.Keys(ctx, "diago", count, func() string {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.keys
	})
}

// Reboot implements story.Party.
func (d *Diago) Reboot(ctx context.Context) error {
	if err := d.phone.Close(); err != nil {
		return err
	}
	return d.start(ctx)
}

// Rest implements story.Party.
func (d *Diago) Rest(ctx context.Context) error {
	if d.call != nil || d.cancel != nil {
		_ = d.HangUp(ctx)
	}
	if d.in != nil {
		_ = d.in.Reject(480, story.Reason(480)) // unless it is answered
	}
	d.over()
	return nil
}

// Close ends it.
func (d *Diago) Close() error { return d.phone.Close() }
