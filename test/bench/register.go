package main

// register is REGISTER with digest. Fresh: an unauthorised REGISTER, its 401,
// the authorised one, its 200. Refresh: one authorised REGISTER with a nonce
// already in use. The users take turns.
type register struct {
	s       wire
	proto   string
	cred    *credentials
	refresh bool
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

func newRegister(proto string, port, window, users int, refresh bool) (*register, error) {
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
	return &register{s: s, proto: proto, cred: newCredentials(users), refresh: refresh, users: users,
		seqs: make([]uint32, window), user: make([]int, window), asked: make([]int, window),
		nonce: make([][]byte, users), nc: make([]int, users), cseq: make([]int, users)}, nil
}

func (r *register) close() { r.s.close() }
func (r *register) wait()  { wait(r.s) }

func (r *register) begin(slot int) {
	r.seqs[slot]++
	u := r.from + r.next
	r.next = (r.next + 1) % r.users
	r.user[slot], r.asked[slot] = u, 0
	if !r.refresh {
		r.nonce[u] = nil
	}
	r.send(slot)
}

func (r *register) send(slot int) {
	u := r.user[slot]
	r.cseq[u]++
	r.s.queue(appendRegister(r.s.buf(), u, slot, r.seqs[slot], r.cseq[u], r.s.local(), r.contact, r.proto, r.authorise(u)))
}

// authorise returns what appends the credentials of a user, nil without a nonce.
func (r *register) authorise(u int) func([]byte) []byte {
	if r.nonce[u] == nil {
		return nil
	}
	r.nc[u]++
	return func(b []byte) []byte { return r.cred.append(b, u, r.nonce[u], r.nc[u]) }
}

func appendRegister(b []byte, user, slot int, seq uint32, cseq, port, contact int, proto string, auth func([]byte) []byte) []byte {
	b = append(b, "REGISTER sip:"+domain+" SIP/2.0\r\nVia: SIP/2.0/"...)
	b = append(append(b, proto...), " 127.0.0.1:"...)
	b = appendInt(b, port)
	b = append(b, ";rport;branch=z9hG4bKr"...)
	b = appendInt(b, slot)
	b = append(b, '.')
	b = appendInt(b, int(seq))
	b = append(b, '.')
	b = appendInt(b, cseq)
	b = append(b, "\r\nMax-Forwards: 70\r\nFrom: <sip:u"...)
	b = appendInt(b, user)
	b = append(b, "@"+domain+">;tag=f"...)
	b = appendInt(b, int(seq))
	b = append(b, "\r\nTo: <sip:u"...)
	b = appendInt(b, user)
	b = append(b, "@"+domain+">\r\nCall-ID: "...)
	b = appendInt(b, slot)
	b = append(b, '-')
	b = appendInt(b, int(seq))
	b = append(b, "@bench\r\nCSeq: "...)
	b = appendInt(b, cseq)
	b = append(b, " REGISTER\r\nContact: <sip:u"...)
	b = appendInt(b, user)
	b = append(b, "@127.0.0.1:"...)
	if contact == 0 {
		contact = port
	}
	b = appendInt(b, contact)
	if proto == "TCP" {
		b = append(b, ";transport=tcp"...)
	}
	b = append(b, ">\r\n"...)
	if auth != nil {
		b = auth(b)
	}
	return append(b, "Expires: 3600\r\nUser-Agent: bench/1.0 (closed loop)\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE, NOTIFY\r\nContent-Length: 0\r\n\r\n"...)
}

func (r *register) poll(done func(int, bool)) int {
	n := r.s.read(func(msg []byte) {
		slot := slotOf(msg, r.seqs)
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
