package presence

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"time"
)

// crowd is all watchers and presentities, on one socket for each group of
// watchers and one for those who publish.
type crowd struct {
	socks    []*net.UDPConn
	pub      *net.UDPConn
	subs     []sub
	people   int
	watchers int
	tags     [][]byte // entity tag of each presentity
	round    int
	notified int
	refused  map[string]int // other answers than 2xx, by status line
	buf      []byte
	out      []byte
	onNotify func(i int)
	onList   func(m []byte) // a NOTIFY of the list
	server   *net.UDPAddr
}

// sub is one subscription.
type sub struct {
	to       []byte // To of the 200
	target   []byte // its Contact
	cseq     int
	answered bool   // the SUBSCRIBE under way
	told     bool   // by NOTIFY, since the last fresh
	state    []byte // in the last NOTIFY
}

const socks = 4

func newCrowd(port, people, watchers int) (*crowd, error) {
	c := &crowd{people: people, watchers: watchers, subs: make([]sub, people*watchers), tags: make([][]byte, people), buf: make([]byte, 65536), refused: make(map[string]int)}
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	for range socks + 1 {
		// Not connected: a server that is started again must reach it.
		s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return nil, err
		}
		_ = s.SetReadBuffer(8 << 20) // what the system grants will do
		c.socks = append(c.socks, s)
	}
	c.pub, c.socks = c.socks[socks], c.socks[:socks]
	c.server = to
	return c, nil
}

func (c *crowd) close() {
	for _, s := range append(c.socks, c.pub) {
		_ = s.Close()
	}
}

func port(s *net.UDPConn) int { return s.LocalAddr().(*net.UDPAddr).Port }

// Of subscription i the presentity is i%people, the watcher i/people.
func (c *crowd) sendSubscribe(i int, expires int) {
	s, sk := &c.subs[i], c.socks[i%socks]
	s.cseq++
	s.answered = false
	b := c.out[:0]
	target := fmt.Sprintf("sip:u%d@bench.test", i%c.people)
	to := "<" + target + ">"
	if s.to != nil {
		target, to = string(s.target), string(s.to)
	}
	b = fmt.Appendf(b, "SUBSCRIBE %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;rport;branch=z9hG4bKs%d.%d\r\nMax-Forwards: 70\r\nFrom: <sip:w%d@bench.test>;tag=w%d\r\nTo: %s\r\nCall-ID: s%d-%d@bench\r\nCSeq: %d SUBSCRIBE\r\nContact: <sip:w%d@127.0.0.1:%d>\r\nEvent: presence\r\nAccept: application/pidf+xml\r\nExpires: %d\r\nContent-Length: 0\r\n\r\n",
		target, port(sk), i, s.cseq, i/c.people, i, to, i, port(sk), s.cseq, i/c.people, port(sk), expires)
	c.out = b
	_, _ = sk.WriteToUDP(b, c.server)
}

// subscribeAll subscribes, or refreshes, all, a window at a time, and waits until
// each has its 200 and its NOTIFY.
func (c *crowd) subscribeAll(refresh bool) error {
	c.fresh()
	const window = 64
	next, open := 0, map[int]time.Time{}
	last := time.Now()
	for next < len(c.subs) || len(open) > 0 {
		for len(open) < window && next < len(c.subs) {
			c.sendSubscribe(next, 3600)
			open[next] = time.Now()
			next++
		}
		c.poll()
		for i, since := range open {
			switch {
			case c.subs[i].answered && c.subs[i].told:
				delete(open, i)
				last = time.Now()
			case time.Since(since) > time.Second && !c.subs[i].answered:
				c.subs[i].cseq-- // the same once more
				c.sendSubscribe(i, 3600)
				open[i] = time.Now()
			}
		}
		if time.Since(last) > 40*time.Second {
			return fmt.Errorf("%d subscriptions get no answer or NOTIFY (refresh %t); refused: %v", len(open), refresh, c.refused)
		}
	}
	return nil
}

// fresh forgets who was told.
func (c *crowd) fresh() {
	for i := range c.subs {
		c.subs[i].told = false
	}
}

// awaitAll waits until all were told, and returns how many were not.
func (c *crowd) awaitAll(limit time.Duration) (lost int) {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		for range 100 {
			c.poll()
		}
		lost = 0
		for i := range c.subs {
			if !c.subs[i].told {
				lost++
			}
		}
		if lost == 0 {
			return 0
		}
	}
	return lost
}

func (c *crowd) sendPublish(p int, state string) {
	c.round++
	body := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:u%d@bench.test"><tuple id="t1"><status><basic>open</basic></status><note>%s.%d.</note></tuple><dm:person id="p"><rpid:activities><rpid:busy/></rpid:activities></dm:person></presence>`, p, state, p)
	match := ""
	if c.tags[p] != nil {
		match = "SIP-If-Match: " + string(c.tags[p]) + "\r\n"
	}
	b := fmt.Appendf(c.out[:0], "PUBLISH sip:u%d@bench.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;rport;branch=z9hG4bKp%d\r\nMax-Forwards: 70\r\nFrom: <sip:u%d@bench.test>;tag=p%d\r\nTo: <sip:u%d@bench.test>\r\nCall-ID: p%d@bench\r\nCSeq: 1 PUBLISH\r\nEvent: presence\r\nExpires: 3600\r\n%sContent-Type: application/pidf+xml\r\nContent-Length: %d\r\n\r\n%s",
		p, port(c.pub), c.round, p, c.round, p, c.round, match, len(body), body)
	c.out = b
	_, _ = c.pub.WriteToUDP(b, c.server)
}

// documents has every presentity publish before anybody watches.
func (c *crowd) documents(state string) error {
	const window = 64
	for from := 0; from < c.people; from += window {
		to := min(from+window, c.people)
		for p := from; p < to; p++ {
			c.sendPublish(p, state)
		}
		for p, end := from, time.Now().Add(40*time.Second); p < to; {
			c.poll()
			for p < to && c.tags[p] != nil {
				p++
			}
			if time.Now().After(end) {
				return fmt.Errorf("publication of %d has no answer", p)
			}
		}
	}
	return nil
}

// publishAll has every presentity publish once, eight at a time, and waits until
// all watchers have been told of it.
func (c *crowd) publishAll(state string) error {
	const window = 8
	left := make([]int, c.people) // watchers to be told
	next, open := 0, 0
	want := []byte(state + ".")
	c.onNotify = func(i int) {
		p := i % c.people
		if left[p] > 0 && bytes.Contains(c.subs[i].state, want) {
			if left[p]--; left[p] == 0 {
				open--
			}
		}
	}
	defer func() { c.onNotify = nil }()
	last := time.Now()
	for next < c.people || open > 0 {
		for open < window && next < c.people {
			left[next] = c.watchers
			open++
			c.sendPublish(next, state)
			next++
			last = time.Now()
		}
		c.poll()
		if time.Since(last) > 40*time.Second {
			return fmt.Errorf("%d publications were not told to all watchers", open)
		}
	}
	return nil
}

// paced has presentities publish at a rate, and returns how long each took until
// its last watcher was told, and the longest time in which the crowd itself looked at
// nothing: what took that long need not be the server's.
func (c *crowd) paced(n int, rate float64) (took []time.Duration, blind time.Duration, err error) {
	left, since := make([]int, c.people), make([]time.Time, c.people)
	c.onNotify = func(i int) {
		p := i % c.people
		if left[p] > 0 && bytes.Contains(c.subs[i].state, []byte("paced.")) {
			if left[p]--; left[p] == 0 {
				took = append(took, time.Since(since[p]))
			}
		}
	}
	defer func() { c.onNotify = nil }()
	begin := time.Now()
	looked := begin
	for k := 0; len(took) < n; {
		if k < n && float64(k) < rate*time.Since(begin).Seconds() {
			p := k % c.people
			left[p], since[p] = c.watchers, time.Now()
			c.sendPublish(p, "paced")
			k++
		}
		c.poll()
		now := time.Now()
		blind, looked = max(blind, now.Sub(looked)), now
		if time.Since(begin) > time.Duration(float64(n)/rate)*time.Second+40*time.Second {
			return nil, blind, fmt.Errorf("%d of %d paced publications were told to all watchers", len(took), n)
		}
	}
	return took, blind, nil
}

// stale counts watchers whose last state is not that one.
func (c *crowd) stale(state string) (n int) {
	for i := range c.subs {
		if !bytes.Contains(c.subs[i].state, []byte(state+".")) {
			n++
		}
	}
	return n
}

// poll takes what has come.
func (c *crowd) poll() {
	for _, s := range append(c.socks[:socks:socks], c.pub) {
		for range 64 {
			_ = s.SetReadDeadline(time.Now().Add(50 * time.Microsecond))
			n, from, err := s.ReadFromUDP(c.buf)
			if err != nil {
				break
			}
			c.take(s, from, c.buf[:n])
		}
	}
}

func line(m []byte, name string) []byte {
	i := bytes.Index(m, []byte("\r\n"+name))
	if i < 0 {
		return nil
	}
	m = m[i+2+len(name):]
	return m[:bytes.IndexByte(m, '\r')]
}

func (c *crowd) take(s *net.UDPConn, from *net.UDPAddr, m []byte) {
	id := line(m, "Call-ID: ")
	switch {
	case bytes.HasPrefix(m, []byte("NOTIFY ")):
		c.notify(s, from, m, id)
	case bytes.HasPrefix(m, []byte("SIP/2.0 200")) && len(id) > 0 && id[0] == 'p':
		if p, ok := number(line(m, "To: "), "<sip:u", '@'); ok {
			c.tags[p] = bytes.Clone(line(m, "SIP-ETag: "))
		}
	case bytes.HasPrefix(m, []byte("SIP/2.0 ")) && m[8] > '2':
		status, _, _ := bytes.Cut(m, []byte("\r\n"))
		c.refused[string(status)]++
	case bytes.HasPrefix(m, []byte("SIP/2.0 2")):
		if i, ok := number(id, "s", '-'); ok {
			sub := &c.subs[i]
			sub.answered = true
			if sub.to == nil {
				sub.to = bytes.Clone(line(m, "To: "))
				contact := line(m, "Contact: ")
				sub.target = bytes.Clone(bytes.Trim(contact[:bytes.IndexByte(contact, '>')+1], "<>"))
			}
		}
	}
}

func number(b []byte, before string, end byte) (int, bool) {
	b, ok := bytes.CutPrefix(b, []byte(before))
	i := bytes.IndexByte(b, end)
	if !ok || i < 0 {
		return 0, false
	}
	n, err := strconv.Atoi(string(b[:i]))
	return n, err == nil
}

func (c *crowd) notify(s *net.UDPConn, from *net.UDPAddr, m, id []byte) {
	b := append(c.out[:0], "SIP/2.0 200 OK\r\n"...)
	for _, name := range []string{"Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "} {
		b = append(append(append(b, name...), line(m, name)...), "\r\n"...)
	}
	b = append(b, "Content-Length: 0\r\n\r\n"...)
	c.out = b
	_, _ = s.WriteToUDP(b, from)
	if bytes.Equal(id, []byte("list@bench")) {
		if c.onList != nil {
			c.onList(m)
		}
		return
	}
	i, ok := number(id, "s", '-')
	if !ok || i >= len(c.subs) {
		return
	}
	c.notified++
	c.subs[i].told = true
	if at := bytes.Index(m, []byte("<note>")); at >= 0 {
		rest := m[at+6:]
		c.subs[i].state = append(c.subs[i].state[:0], rest[:bytes.IndexByte(rest, '<')]...)
	}
	if c.onNotify != nil {
		c.onNotify(i)
	}
}

// list has one watcher subscribe to a list, by UDP, and returns how long it took
// until it knew the first state, and all.
func (c *crowd) list(members int) (first, all time.Duration, err error) {
	var body bytes.Buffer
	body.WriteString(`<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>`)
	for i := range members {
		fmt.Fprintf(&body, `<entry uri="sip:u%d@bench.test"/>`, i)
	}
	body.WriteString(`</list></resource-lists>`)
	b := fmt.Appendf(nil, "SUBSCRIBE sip:bench.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;rport;branch=z9hG4bKlist\r\nMax-Forwards: 70\r\nFrom: <sip:list@bench.test>;tag=list\r\nTo: <sip:bench.test>\r\nCall-ID: list@bench\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:list@127.0.0.1:%d>\r\nEvent: presence\r\nSupported: eventlist\r\nRequire: recipient-list-subscribe\r\nExpires: 600\r\nContent-Type: application/resource-lists+xml\r\nContent-Length: %d\r\n\r\n%s",
		port(c.pub), port(c.pub), body.Len(), body.Bytes())
	told := make(map[string]bool, members)
	c.onList = func(m []byte) {
		for id := range bytes.SplitSeq(m, []byte(` state="active" cid="`)) {
			if at := bytes.IndexByte(id, '@'); at > 0 && at < 6 {
				told[string(id[:at])] = true
			}
		}
	}
	defer func() { c.onList = nil }()
	begin := time.Now()
	_, _ = c.pub.WriteToUDP(b, c.server)
	for len(told) < members {
		c.poll()
		if len(told) > 0 && first == 0 {
			first = time.Since(begin)
		}
		if time.Since(begin) > 20*time.Second {
			return first, 0, fmt.Errorf("%d of a list of %d were told", len(told), members)
		}
	}
	return first, time.Since(begin), nil
}
