package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"tandem/test/bench/media"
)

// The part calls compares led calls, whose sound passes the server, with Kamailio and
// rtpengine together: set up and torn down as fast as one core can, and held with both
// ends speaking.

// callRun is what one server came to.
type callRun struct {
	rate   float64 // calls a second on one core, set up and torn down
	perSet float64 // µs of CPU for one of them
	perSec float64 // ms of CPU for a call-second, held
	loss   float64 // of packets meanwhile
	long   media.Figures
}

const (
	heldCalls = 400 // whose CPU is measured
	longCalls = 500 // that are held for longer
	// tooLate is how far the ends may fall behind before loss is theirs.
	tooLate = 20 * time.Millisecond
)

func (o options) calls(w io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	runs := map[string][]callRun{}
	for round := range o.rounds {
		for _, name := range []string{"kamailio", "tandem"} {
			fmt.Fprintf(os.Stderr, "calls, round %d of %d: %s\n", round+1, o.rounds, name)
			r, err := o.callRun(ctx, name)
			if err != nil {
				return fmt.Errorf("calls through %s: %w", name, err)
			}
			runs[name] = append(runs[name], r)
		}
	}
	k, t := runs["kamailio"], runs["tandem"]
	fmt.Fprintf(w, "\nCalls with sound through the server, on one core, medians of %d rounds\n\n| | Kamailio and rtpengine | Tandem | ratio | bar |\n|---|---|---|---|---|\n", o.rounds)
	row := func(name, format, bar string, of func(callRun) float64) {
		a, b := middle(k, of), middle(t, of)
		fmt.Fprintf(w, "| %s | "+format+" | "+format+" | %.2f | %s |\n", name, a, b, b/a, bar)
	}
	row("set up and torn down, µs of CPU", "%.0f", "0.60", func(r callRun) float64 { return r.perSet })
	row("calls a second", "%.0f", "1.70", func(r callRun) float64 { return r.rate })
	row(fmt.Sprintf("%d held, ms of CPU a call-second", heldCalls), "%.2f", "0.60", func(r callRun) float64 { return r.perSec })
	fmt.Fprintln(w)
	for name, list := range runs {
		for _, r := range list {
			fmt.Fprintf(w, "- %s: %d held: loss %.4f %%; %d held for %s: loss %.4f %% of %d packets, p99 %s, %.0f %% of the core (ends late by %s at most)\n", name, heldCalls,
				100*r.loss, longCalls, r.long.Duration, 100*r.long.Loss, r.long.Sent, r.long.P99, 100*r.long.Core, r.long.Late.Round(time.Microsecond))
			if r.long.Late > tooLate {
				fmt.Fprintln(w, "  the machine was too busy for the ends to keep up: this run proves nothing")
			}
		}
	}
	return nil
}

// profileCalls takes profiles of Tandem while it sets calls up and tears them down, where
// they are wanted: of its CPU, and of its heap when what is returned is called.
func (o options) profileCalls(s *server) (end func()) {
	if o.profiles == "" || s.http == 0 {
		return func() {}
	}
	file := filepath.Join(o.profiles, "calls")
	cpu := s.profile(file+".pprof", 2*time.Second)
	return func() {
		cpu()
		s.fetch("/debug/pprof/heap?gc=1", file+".heap.pprof")
	}
}

func middle(all []callRun, of func(callRun) float64) float64 {
	var v []float64
	for _, r := range all {
		v = append(v, of(r))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func (o options) callRun(ctx context.Context, name string) (out callRun, err error) {
	s, err := o.start(name, users, leading)
	if err != nil {
		return out, err
	}
	defer s.stop()
	preferred(s)
	rl, err := newRelay(s.trusted, window, users, "INVITE")
	if err != nil {
		return out, err
	}
	defer rl.close()
	if err := registerCallees(s, rl); err != nil {
		return out, err
	}
	total := int(6000 * o.scale)
	drive(rl, window, total/4, 0)
	profiled := o.profileCalls(s)
	cpu := s.cpu()
	r := drive(rl, window, total, 0)
	r.CPU = s.cpu() - cpu
	profiled()
	if r.Lost+r.Failed > 0 {
		return out, fmt.Errorf("%d calls were lost, %d failed", r.Lost, r.Failed)
	}
	out.rate, out.perSet = float64(r.Ops)/r.Wall.Seconds(), r.perOp()
	length, long := 10*time.Second, time.Minute
	if o.quick {
		length, long = 5*time.Second, 10*time.Second
	}
	f, err := hold(ctx, s, rl, heldCalls, length)
	if err != nil {
		return out, err
	}
	out.perSec, out.loss = 1000*f.Core/heldCalls, f.Loss
	out.long, err = hold(ctx, s, rl, longCalls, long)
	return out, err
}

// preferred puts the server and this program before other work of the machine, where
// that is allowed.
func preferred(s *server) {
	for _, pid := range append(s.pids(), os.Getpid()) {
		for _, p := range processes(pid) {
			media.Prefer(p)
		}
	}
}

// hold sets calls up between the sockets of a relay, lets their ends speak, and hangs
// them up.
func hold(ctx context.Context, s *server, rl *relay, calls int, length time.Duration) (f media.Figures, err error) {
	held, err := media.NewHeld()
	if err != nil {
		return f, err
	}
	defer held.Close()
	own := &relay{uac: rl.uac, uas: rl.uas, method: "INVITE", users: users, seqs: make([]uint32, calls)}
	for slot := range own.seqs { // no server takes them for calls of before
		own.seqs[slot] = uint32(calls) * 1000
	}
	h := &holder{relay: own, held: held, told: map[int]int{}, answers: make([][]byte, calls)}
	if err := h.setUp(); err != nil {
		return f, err
	}
	f, err = held.Run(ctx, s.cpu, 3*time.Second, length)
	if err != nil {
		return f, err
	}
	return f, h.hangUp()
}

// holder is a relay whose calls are not hung up once they are answered.
type holder struct {
	*relay
	held    *media.Held
	told    map[int]int // number of the called end that speaks to a port
	answers [][]byte    // by slot
}

// setUp calls one slot after the other, a few at a time, and repeats what is not
// answered, as phones do.
func (h *holder) setUp() error {
	const atOnce = 16
	begun, ended, failed := 0, 0, 0
	done := func(_ int, ok bool) {
		ended++
		if !ok {
			failed++
		}
	}
	repeat := time.Now()
	for end := time.Now().Add(time.Minute); ended < len(h.answers); {
		if time.Now().After(end) {
			return fmt.Errorf("only %d of %d calls to be held were answered within a minute", ended, len(h.answers))
		}
		for begun < len(h.answers) && begun-ended < atOnce {
			h.seqs[begun]++
			h.invite(begun)
			begun++
		}
		if h.poll(done) > 0 {
			repeat = time.Now()
			continue
		}
		if time.Since(repeat) > 500*time.Millisecond {
			for slot := range begun {
				if h.answers[slot] == nil {
					h.invite(slot)
				}
			}
			repeat = time.Now()
		}
		h.wait()
	}
	if failed > 0 {
		return fmt.Errorf("of %d calls to be held %d failed", len(h.answers), failed)
	}
	return nil
}

func (h *holder) invite(slot int) {
	u := slot % h.users
	body := describe(h.held.Port(0, slot))
	b := h.head(h.uac.buf(), "INVITE", nil, u, slot, 1, nil)
	b = append(b, "Contact: <sip:caller@127.0.0.1:"...)
	b = appendInt(b, h.uac.port)
	b = append(b, ">\r\nContent-Type: application/sdp\r\nContent-Length: "...)
	b = append(appendInt(b, len(body)), "\r\n\r\n"+body...)
	h.uac.queue(b)
}

func describe(port int) string {
	return "v=0\r\no=bench 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio " + strconv.Itoa(port) + " RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
}

// port is where a description wants the sound.
func port(msg []byte) int {
	_, rest, _ := bytes.Cut(msg, []byte("\r\nm=audio "))
	digits, _, _ := bytes.Cut(rest, []byte(" "))
	return number(digits)
}

func (h *holder) poll(done func(int, bool)) int {
	n := h.uas.read(h.callee)
	h.uas.flush()
	n += h.uac.read(func(msg []byte) { h.caller(msg, done) })
	h.uac.flush()
	return n
}

func (h *holder) callee(msg []byte) {
	if !bytes.HasPrefix(msg, []byte("INVITE ")) {
		h.relay.callee(msg)
		return
	}
	to := port(msg)
	n, repeated := h.told[to]
	if !repeated {
		n = len(h.told)
		h.told[to] = n
		h.held.Speak(1, n, to)
	}
	h.uas.queue(h.answer(h.uas.buf(), msg, "180 Ringing", ""))
	h.uas.queue(h.answer(h.uas.buf(), msg, "200 OK", describe(h.held.Port(1, n))))
}

func (h *holder) caller(msg []byte, done func(int, bool)) {
	slot, c := slotOf(msg, h.seqs), code(msg)
	if slot < 0 || c < 200 {
		return
	}
	switch cseq := line(msg, "CSeq: "); {
	case c != 200:
		done(slot, false)
		h.seqs[slot]++
	case bytes.HasSuffix(cseq, []byte(" BYE")):
		done(slot, true)
		h.seqs[slot]++
	default:
		first := h.answers[slot] == nil
		h.answers[slot] = bytes.Clone(msg)
		h.inDialog("ACK", slot, 1)
		if first {
			h.held.Speak(0, slot, port(msg))
			done(slot, true)
		}
	}
}

func (h *holder) inDialog(method string, slot, cseq int) {
	contact := line(h.answers[slot], "Contact: ")
	target := contact[1:bytes.IndexByte(contact, '>')]
	h.uac.queue(append(h.head(h.uac.buf(), method, target, 0, slot, cseq, h.answers[slot]), "Content-Length: 0\r\n\r\n"...))
}

// hangUp ends all calls.
func (h *holder) hangUp() error {
	const atOnce = 16
	left := make(map[int]bool)
	begun, repeat := 0, time.Now()
	for end := time.Now().Add(time.Minute); begun < len(h.answers) || len(left) > 0; {
		if time.Now().After(end) {
			return fmt.Errorf("%d calls could not be hung up within a minute", len(left))
		}
		for begun < len(h.answers) && len(left) < atOnce {
			left[begun] = true
			h.inDialog("BYE", begun, 2)
			begun++
		}
		if h.poll(func(slot int, _ bool) { delete(left, slot) }) > 0 {
			repeat = time.Now()
			continue
		}
		if time.Since(repeat) > 500*time.Millisecond {
			for slot := range left {
				h.inDialog("BYE", slot, 2)
			}
			repeat = time.Now()
		}
		h.wait()
	}
	return nil
}
