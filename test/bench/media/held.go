package media

import (
	"context"
	"slices"
	"time"
)

// Held are calls that a signalling server has set up: their ends speak here, each to
// the port of the relay that it was told, and hear at one of a few sockets.
type Held struct{ p *phones }

// NewHeld opens the sockets.
func NewHeld() (*Held, error) {
	p, err := newPhones()
	return &Held{p}, err
}

// Close ends it.
func (h *Held) Close() { h.p.close() }

func (h *Held) socket(end, n int) *socket { return h.p.sockets[end*socketsEach+n%socketsEach] }

// Port is where the n-th calling (0) or called (1) end hears.
func (h *Held) Port(end, n int) int { return h.socket(end, n).port }

// Speak lets the n-th calling or called end speak to a port.
func (h *Held) Speak(end, n, port int) {
	h.p.streams = append(h.p.streams, stream{leg: leg{socket: h.socket(end, n), port: port}, step: 160, stamp: true, told: true,
		frames: [][]byte{slices.Repeat([]byte{0xff}, 160)}, next: 37 * n})
	h.p.calls = len(h.p.streams) / 2
}

// Figures are what is told of a time in which all ends spoke.
type Figures struct {
	Core     float64 // of one core that the server used, 0 to 1
	Loss     float64 // of the packets, 0 to 1
	P99      time.Duration
	Late     time.Duration // how far the ends fell behind at most
	Sent     int
	Duration time.Duration
}

// Run lets all ends speak for a time, after as much as is needed for things to settle.
// used is the processor time of the server so far.
func (h *Held) Run(ctx context.Context, used func() time.Duration, settle, length time.Duration) (Figures, error) {
	w, err := h.p.run(ctx, used, settle, length)
	if err != nil {
		return Figures{}, err
	}
	f := w.figures()
	return Figures{Core: f.core, Loss: f.loss, P99: f.p99, Late: f.late, Sent: w.sent, Duration: length}, nil
}
