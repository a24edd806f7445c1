package load

import (
	"bytes"

	"tandem/test/bench/server"
)

// Register is REGISTER with digest, as its kind has it. The users take turns.
type Register struct {
	s       wire
	proto   string
	cred    *credentials
	kind    Kind
	seqs    []uint32
	user    []int // by slot
	asked   []int // challenges of the operation, by slot
	next    int
	users   int
	from    int      // the first of them
	contact int      // port of the Contact, 0: our own
	nonce   [][]byte // by user
	nc      []int
	cseq    []int // by user
}

// Kind is what a phone has and sends when it registers.
type Kind uint8

const (
	// First is a REGISTER without credentials, its 401, one with, its 200. The Call-ID is
	// new each time. A user's first one makes a binding, later ones move it.
	First Kind = iota
	// Known is one REGISTER with a nonce in use, by a Call-ID that is new each time.
	Known
	// Refresh is the same by the Call-ID that the phone keeps.
	Refresh
	// Instance is Known by a phone with an instance (RFC 5626).
	Instance
	// GRUU is Instance by a phone with temporary GRUUs (RFC 5627), which end with each
	// new Call-ID.
	GRUU
)

// NewRegister makes a socket for window operations at a time, by "UDP" or "TCP".
func NewRegister(proto string, port, window, users int, kind Kind) (*Register, error) {
	var s wire
	var err error
	if proto == "TCP" {
		s, err = dialStream(port)
	} else {
		s, err = dial(port)
	}
	if err != nil {
		return nil, err
	}
	return &Register{s: s, proto: proto, cred: newCredentials(users), kind: kind, users: users,
		seqs: make([]uint32, window), user: make([]int, window), asked: make([]int, window),
		nonce: make([][]byte, users), nc: make([]int, users), cseq: make([]int, users)}, nil
}

// Only has a part of the users register, n from one on.
func (r *Register) Only(from, n int) { r.from, r.users = from, n }

// At has them register a port of this machine that is not their own.
func (r *Register) At(port int) { r.contact = port }

// Spoil makes the password of the first user wrong.
func (r *Register) Spoil() { r.cred.ha1[0] = hexMD5([]byte("not the password")) }

// Abandon ends the operation of a slot: its answers no longer count.
func (r *Register) Abandon(slot int) { r.seqs[slot]++ }

func (r *Register) Close() { r.s.Close() }
func (r *Register) wait()  { wait(r.s) }

func (r *Register) Begin(slot int) {
	r.seqs[slot]++
	u := r.from + r.next
	r.next = (r.next + 1) % r.users
	r.user[slot], r.asked[slot] = u, 0
	if r.kind == First {
		r.nonce[u] = nil
	}
	r.send(slot)
}

func (r *Register) send(slot int) {
	u := r.user[slot]
	r.cseq[u]++
	m := registration{user: u, slot: slot, seq: r.seqs[slot], cseq: r.cseq[u], port: r.s.local(), contact: r.contact, proto: r.proto, kind: r.kind}
	r.s.queue(m.append(r.s.buf(), r.authorise(u)))
}

// authorise returns what appends the credentials of a user, nil without a nonce.
func (r *Register) authorise(u int) func([]byte) []byte {
	if r.nonce[u] == nil {
		return nil
	}
	r.nc[u]++
	return func(b []byte) []byte { return r.cred.append(b, u, r.nonce[u], r.nc[u]) }
}

// registration is one REGISTER.
type registration struct {
	user, slot    int
	seq           uint32
	cseq          int
	port, contact int // contact 0: the port
	proto         string
	kind          Kind
}

// append writes it; the tag of From names the slot and its operation.
func (m *registration) append(b []byte, auth func([]byte) []byte) []byte {
	b = append(b, "REGISTER sip:"+server.Domain+" SIP/2.0\r\nVia: SIP/2.0/"...)
	b = append(append(b, m.proto...), " 127.0.0.1:"...)
	b = appendInt(b, m.port)
	b = append(b, ";rport;branch=z9hG4bKr"...)
	b = m.appendName(b, '.')
	b = append(b, '.')
	b = appendInt(b, m.cseq)
	b = append(b, "\r\nMax-Forwards: 70\r\nFrom: <sip:u"...)
	b = appendInt(b, m.user)
	b = append(b, "@"+server.Domain+">;tag="...)
	b = m.appendName(b, '-')
	b = append(b, "\r\nTo: <sip:u"...)
	b = appendInt(b, m.user)
	b = append(b, "@"+server.Domain+">\r\nCall-ID: "...)
	if m.kind == Refresh {
		b = append(appendInt(append(b, "phone-of-u"...), m.user), "@bench"...)
	} else {
		b = append(m.appendName(b, '-'), "@bench"...)
	}
	b = append(b, "\r\nCSeq: "...)
	b = appendInt(b, m.cseq)
	b = append(b, " REGISTER\r\nContact: <sip:u"...)
	b = appendInt(b, m.user)
	b = append(b, "@127.0.0.1:"...)
	if m.contact == 0 {
		b = appendInt(b, m.port)
	} else {
		b = appendInt(b, m.contact)
	}
	if m.proto == "TCP" {
		b = append(b, ";transport=tcp"...)
	}
	b = append(b, '>')
	if m.kind == Instance || m.kind == GRUU {
		b = append(b, `;+sip.instance="<urn:uuid:00000000-0000-1000-8000-`...)
		for at := 1 << 44; at > 0; at >>= 4 {
			b = append(b, "0123456789abcdef"[m.user/at&15])
		}
		b = append(b, `>"`...)
	}
	b = append(b, "\r\n"...)
	if auth != nil {
		b = auth(b)
	}
	if m.kind == GRUU {
		b = append(b, "Supported: gruu\r\n"...)
	}
	return append(b, "Expires: 3600\r\nUser-Agent: bench/1.0 (closed loop)\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE, NOTIFY\r\nContent-Length: 0\r\n\r\n"...)
}

func (m *registration) appendName(b []byte, between byte) []byte {
	return appendInt(append(appendInt(b, m.slot), between), int(m.seq))
}

func (r *Register) Poll(done func(int, bool)) int {
	n := r.s.read(func(msg []byte) {
		from := line(msg, "From: ")
		slot := slotNamed(from[bytes.LastIndexByte(from, '=')+1:], r.seqs)
		if slot < 0 {
			return
		}
		switch u, c := r.user[slot], code(msg); {
		case c == 200:
			done(slot, true)
			r.seqs[slot]++
		case c == 401 && r.asked[slot] < 2: // twice: the nonce may have grown stale
			r.asked[slot]++
			r.nonce[u] = append(r.nonce[u][:0:0], nonceOf(msg)...)
			r.nc[u] = 0
			r.send(slot)
		default:
			done(slot, false)
			r.seqs[slot]++
		}
	})
	r.s.flush()
	return n
}
