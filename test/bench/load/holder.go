package load

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"tandem/test/bench/media"
)

// Hold sets calls up, lets their ends speak, and hangs them up. cpu is what the server
// has used.
func (r *Relay) Hold(ctx context.Context, cpu func() time.Duration, calls int, length time.Duration) (f media.Figures, err error) {
	held, err := media.NewHeld()
	if err != nil {
		return f, err
	}
	defer held.Close()
	own := &Relay{uac: r.uac, uas: r.uas, method: "INVITE", users: r.users, seqs: make([]uint32, calls)}
	for slot := range own.seqs { // no server takes them for calls of before
		own.seqs[slot] = uint32(calls) * 1000
	}
	h := &holder{Relay: own, held: held, told: map[int]int{}, answers: make([][]byte, calls)}
	if err := h.setUp(); err != nil {
		return f, err
	}
	f, err = held.Run(ctx, cpu, 3*time.Second, length)
	if err != nil {
		return f, err
	}
	return f, h.hangUp()
}

// holder is a relay whose calls are not hung up once they are answered.
type holder struct {
	*Relay
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
		if h.Poll(done) > 0 {
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

func (h *holder) Poll(done func(int, bool)) int {
	n := h.uas.read(h.callee)
	h.uas.flush()
	n += h.uac.read(func(msg []byte) { h.caller(msg, done) })
	h.uac.flush()
	return n
}

func (h *holder) callee(msg []byte) {
	if !bytes.HasPrefix(msg, []byte("INVITE ")) {
		h.Relay.callee(msg)
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
		if h.Poll(func(slot int, _ bool) { delete(left, slot) }) > 0 {
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
