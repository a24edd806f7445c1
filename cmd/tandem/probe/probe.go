// Package probe judges a media relay from outside: it opens a call through the
// relay's control port as two user agents would, lets both ends speak a tone,
// and tells what each hears. It works on any relay that speaks the ng protocol.
// It owns both ends; the relay only sees addresses and packets.
package probe

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"tandem/media/ng"
)

// Plan is what to try.
type Plan struct {
	NG      string     // control port of the relay
	Bind    netip.Addr // where the ends listen; the relay must reach it
	CodecA  string     // of the calling end
	CodecB  string     // of the called end
	SDES    bool       // the calling end protects its media
	Seconds int
}

// Result is what was found.
type Result struct {
	Setup time.Duration `json:"setup_ns" yaml:"setup"` // from the offer to the answer in hand
	A     Heard         `json:"a" yaml:"a"`
	B     Heard         `json:"b" yaml:"b"`
}

// Heard is what one end found of the other.
type Heard struct {
	Codec     string        `json:"codec" yaml:"codec"`
	From      string        `json:"from" yaml:"from"` // the relay's port
	Sent      int           `json:"sent" yaml:"sent"`
	Received  int           `json:"received" yaml:"received"`
	Lost      int           `json:"lost" yaml:"lost"`
	Jitter    time.Duration `json:"jitter_ns" yaml:"jitter"`
	Delay     time.Duration `json:"delay_ns" yaml:"delay"` // from mouth to ear, less packet time
	Frequency float64       `json:"frequency" yaml:"frequency"`
	Level     float64       `json:"level" yaml:"level"` // dBFS
	Fault     string        `json:"fault,omitempty" yaml:"fault,omitempty"`
}

// Frequencies each end speaks, Hz, and how loud, dBFS.
const (
	toneA = 700.0
	toneB = 440.0
	loud  = -15.0
)

// OK says whether both ends heard each other well.
func (r Result) OK() bool { return r.A.Fault == "" && r.B.Fault == "" }

// Run makes the call.
func Run(ctx context.Context, p Plan) (Result, error) {
	var r Result
	client, err := ng.Dial(p.NG)
	if err != nil {
		return r, err
	}
	defer client.Close()
	if err := ping(ctx, client, p.NG); err != nil {
		return r, err
	}
	a, err := newEnd(p.Bind, p.CodecA, toneA, p.SDES)
	if err != nil {
		return r, err
	}
	defer a.close()
	b, err := newEnd(p.Bind, p.CodecB, toneB, false)
	if err != nil {
		return r, err
	}
	defer b.close()
	id := random()
	began := time.Now()
	if err := connect(ctx, client, id, a, b); err != nil {
		return r, err
	}
	r.Setup = time.Since(began)
	defer func() {
		_, _ = client.Do(context.WithoutCancel(ctx), ng.Dict{"command": "delete", "call-id": id, "from-tag": "a", "to-tag": "b", "delete-delay": int64(0)})
	}()
	if err := talk(ctx, time.Duration(p.Seconds)*time.Second, a, b); err != nil {
		return r, err
	}
	r.A, r.B = a.judge(b), b.judge(a)
	return r, nil
}

// ping finds out first whether anybody is there.
func ping(ctx context.Context, c *ng.Client, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := c.Do(ctx, ng.Dict{"command": "ping"}); err != nil {
		return fmt.Errorf("nobody answers at %s; start a relay with: tandem media serve --ng %s (add --ng-from to let other machines use it): %w", addr, addr, err)
	}
	return nil
}

// connect exchanges the descriptions of both ends through the relay.
func connect(ctx context.Context, c *ng.Client, id string, a, b *end) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	offer, err := c.Do(ctx, ng.Dict{
		"command": "offer", "call-id": id, "from-tag": "a", "sdp": a.description(),
		"transport-protocol": "RTP/AVP", "ICE": "remove", "replace": []string{"origin", "session-connection"},
		"codec": ng.Dict{"mask": []string{"all"}, "transcode": []string{b.codec.Name}},
	})
	if err != nil {
		return err
	}
	if err := b.use(offer.String("sdp")); err != nil {
		return fmt.Errorf("the relay's offer: %w", err)
	}
	answer, err := c.Do(ctx, ng.Dict{
		"command": "answer", "call-id": id, "from-tag": "a", "to-tag": "b", "sdp": b.description(),
		"ICE": "remove", "replace": []string{"origin", "session-connection"},
	})
	if err != nil {
		return err
	}
	if err := a.use(answer.String("sdp")); err != nil {
		return fmt.Errorf("the relay's answer: %w", err)
	}
	return nil
}

// talk lets both ends speak and listen at the same time.
func talk(ctx context.Context, d time.Duration, ends ...*end) error {
	var wait sync.WaitGroup
	errs := make([]error, 2*len(ends))
	for i, e := range ends {
		wait.Go(func() { errs[2*i] = e.listen() })
		wait.Go(func() { errs[2*i+1] = e.speak(ctx, d) })
	}
	timer := time.NewTimer(d + 300*time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	for _, e := range ends {
		e.close()
	}
	wait.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

func random() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return "probe-" + hex.EncodeToString(b)
}
