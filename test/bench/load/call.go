package load

import (
	"bytes"
	"fmt"

	"tandem/test/bench/server"
)

// Relay is what passes through the proxy from a caller to a registered
// callee, both played here: MESSAGE and its 200, or a call, INVITE 180 200
// ACK BYE 200, routed by Record-Route.
type Relay struct {
	uac, uas *socket
	method   string // of what is sent: INVITE begins a call
	users    int
	from     int // the first of them
	next     int
	seqs     []uint32
	Ringing  func(slot int) // told of a 180; may be nil
}

// NewRelay makes the sockets of both sides, with window operations at a time.
func NewRelay(port, window, users int, method string) (*Relay, error) {
	r := &Relay{method: method, users: users, seqs: make([]uint32, window)}
	var err error
	if r.uac, err = dial(port); err != nil {
		return nil, err
	}
	if r.uas, err = dial(port); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Relay) Close() { r.uac.Close(); r.uas.Close() }
func (r *Relay) wait()  { wait(r.uac, r.uas) }

const sdp = "v=0\r\no=bench 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"

func (r *Relay) Begin(slot int) {
	r.seqs[slot]++
	u := r.from + r.next
	r.next = (r.next + 1) % r.users
	if r.method == "INVITE" {
		b := r.head(r.uac.buf(), "INVITE", nil, u, slot, 1, nil)
		b = append(b, "Contact: <sip:caller@127.0.0.1:"...)
		b = appendInt(b, r.uac.port)
		b = append(b, ">\r\nContent-Type: application/sdp\r\nContent-Length: "...)
		b = appendInt(b, len(sdp))
		b = append(b, "\r\n\r\n"+sdp...)
		r.uac.queue(b)
		return
	}
	b := r.head(r.uac.buf(), r.method, nil, u, slot, 1, nil)
	r.uac.queue(append(b, "Content-Type: text/plain\r\nContent-Length: 28\r\n\r\nShall we have lunch at noon?"...))
}

// head writes the request up to its body headers. target nil: the callee's
// address-of-record; else the remote target, with the route set of answer.
func (r *Relay) head(b []byte, method string, target []byte, user, slot, cseq int, answer []byte) []byte {
	b = append(append(b, method...), ' ')
	if target == nil {
		b = append(b, "sip:u"...)
		b = appendInt(b, user)
		b = append(b, "@"+server.Domain...)
	} else {
		b = append(b, target...)
	}
	b = append(b, " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:"...)
	b = appendInt(b, r.uac.port)
	b = append(b, ";rport;branch=z9hG4bK"...)
	b = append(append(b, method...), '.')
	b = appendInt(b, slot)
	b = append(b, '.')
	b = appendInt(b, int(r.seqs[slot]))
	b = append(b, "\r\nMax-Forwards: 70\r\n"...)
	for rest := answer; rest != nil; { // one Record-Route from one proxy: order does not matter
		i := bytes.Index(rest, []byte("\r\nRecord-Route: "))
		if i < 0 {
			break
		}
		rest = rest[i+16:]
		b = append(b, "Route: "...)
		b = append(b, rest[:bytes.IndexByte(rest, '\n')+1]...)
	}
	b = append(b, "From: <sip:caller@"+server.Domain+">;tag=f"...)
	b = appendInt(b, int(r.seqs[slot]))
	b = append(b, "\r\n"...)
	if answer != nil {
		b = appendLines(b, answer, "To: ")
	} else {
		b = append(b, "To: <sip:u"...)
		b = appendInt(b, user)
		b = append(b, "@"+server.Domain+">\r\n"...)
	}
	b = append(b, "Call-ID: "...)
	b = appendInt(b, slot)
	b = append(b, '-')
	b = appendInt(b, int(r.seqs[slot]))
	b = append(b, "@bench\r\nCSeq: "...)
	b = appendInt(b, cseq)
	b = append(b, ' ')
	b = append(append(b, method...), "\r\nUser-Agent: bench/1.0 (closed loop)\r\n"...)
	return b
}

func (r *Relay) Poll(done func(int, bool)) int {
	n := r.uas.read(r.callee)
	r.uas.flush()
	n += r.uac.read(func(msg []byte) { r.caller(msg, done) })
	r.uac.flush()
	return n
}

func (r *Relay) callee(msg []byte) {
	switch {
	case bytes.HasPrefix(msg, []byte("INVITE ")):
		r.uas.queue(r.answer(r.uas.buf(), msg, "180 Ringing", ""))
		r.uas.queue(r.answer(r.uas.buf(), msg, "200 OK", sdp))
	case bytes.HasPrefix(msg, []byte("ACK ")):
	case code(msg) == 0:
		r.uas.queue(r.answer(r.uas.buf(), msg, "200 OK", ""))
	}
}

func (r *Relay) answer(b, msg []byte, status, body string) []byte {
	b = append(append(b, "SIP/2.0 "...), status...)
	b = append(b, "\r\n"...)
	b = appendLines(b, msg, "Via: ")
	b = appendLines(b, msg, "Record-Route: ")
	b = appendLines(b, msg, "From: ")
	to := line(msg, "To: ")
	b = append(append(b, "To: "...), to...)
	if !bytes.Contains(to, []byte(";tag=")) {
		b = append(b, ";tag=callee"...)
	}
	b = append(b, "\r\n"...)
	b = appendLines(b, msg, "Call-ID: ")
	b = appendLines(b, msg, "CSeq: ")
	b = append(b, "Contact: <sip:callee@127.0.0.1:"...)
	b = appendInt(b, r.uas.port)
	b = append(b, ">\r\n"...)
	if body != "" {
		b = append(b, "Content-Type: application/sdp\r\n"...)
	}
	b = append(b, "Content-Length: "...)
	b = appendInt(b, len(body))
	return append(append(b, "\r\n\r\n"...), body...)
}

func (r *Relay) caller(msg []byte, done func(int, bool)) {
	slot := slotOf(msg, r.seqs)
	c := code(msg)
	if slot >= 0 && c == 180 && r.Ringing != nil {
		r.Ringing(slot)
	}
	if slot < 0 || c < 200 {
		return
	}
	cseq := line(msg, "CSeq: ")
	switch {
	case c == 200 && bytes.HasSuffix(cseq, []byte(" INVITE")):
		contact := line(msg, "Contact: ")
		target := contact[1:bytes.IndexByte(contact, '>')]
		r.uac.queue(append(r.head(r.uac.buf(), "ACK", target, 0, slot, 1, msg), "Content-Length: 0\r\n\r\n"...))
		r.uac.queue(append(r.head(r.uac.buf(), "BYE", target, 0, slot, 2, msg), "Content-Length: 0\r\n\r\n"...))
	case c == 200:
		done(slot, true)
		r.seqs[slot]++
	default:
		done(slot, false)
		r.seqs[slot]++
	}
}

// RegisterCallees binds the callees' users, of as many as there are in all, to their
// socket.
func (r *Relay) RegisterCallees(port, all int) error {
	reg, err := NewRegister("UDP", port, len(r.seqs), all, First)
	if err != nil {
		return err
	}
	own := reg.s
	defer own.Close()
	reg.s = r.uas
	reg.Only(r.from, r.users)
	if got := Drive(reg, len(r.seqs), r.users, 0); got.Failed > 0 || got.Lost > 0 {
		return fmt.Errorf("registering callees: %d failed, %d lost", got.Failed, got.Lost)
	}
	return nil
}
