package messages

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"time"
)

// client is a UDP socket towards the server.
type client struct {
	*net.UDPConn
	buf [65536]byte
}

func (s *server) dial() (*client, error) {
	c, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: s.port})
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(8 << 20) // what the system grants will do
	return &client{UDPConn: c}, nil
}

// next reads one message, nil when none comes.
func (c *client) next(limit time.Duration) []byte {
	_ = c.SetReadDeadline(time.Now().Add(limit))
	n, err := c.Read(c.buf[:])
	if err != nil {
		return nil
	}
	return c.buf[:n]
}

func (c *client) message(n, user int) []byte {
	return fmt.Appendf(nil, "MESSAGE sip:u%d@bench.test SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKm%d\r\nMax-Forwards: 70\r\nFrom: <sip:writer@bench.test>;tag=%d\r\nTo: <sip:u%d@bench.test>\r\nCall-ID: %d\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: 28\r\n\r\nShall we have lunch at noon?",
		user, c.LocalAddr(), n, n, user, n)
}

// field is the value of a header line.
func field(msg []byte, name string) []byte {
	_, rest, _ := bytes.Cut(msg, []byte("\r\n"+name+": "))
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return value
}

// send keeps messages under way, so many at a time, until total are answered, and
// returns how many were not answered as wanted. user chooses the receivers.
func (c *client) send(first, total, window int, user func(i int) int) (bad int, err error) {
	open := make(map[int]time.Time, window)
	for sent, answered := 0, 0; answered < total; {
		for len(open) < window && sent < total {
			if _, err := c.Write(c.message(first+sent, user(sent))); err != nil {
				return bad, err
			}
			open[first+sent] = time.Now()
			sent++
		}
		m := c.next(2 * time.Second)
		if m == nil {
			for n := range open { // sent again, as clients do
				if _, err := c.Write(c.message(n, user(n-first))); err != nil {
					return bad, err
				}
				if time.Since(open[n]) > 20*time.Second {
					return bad, fmt.Errorf("message %d is not answered", n)
				}
			}
			continue
		}
		n, _ := strconv.Atoi(string(field(m, "Call-ID")))
		if _, ok := open[n]; !ok || bytes.HasPrefix(m, []byte("SIP/2.0 1")) {
			continue
		}
		delete(open, n)
		if answered++; !bytes.HasPrefix(m, []byte("SIP/2.0 202 ")) {
			bad++
		}
	}
	return bad, nil
}

// storm sends to absent users.
func (s *server) storm(o Options) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	begun, cpu := time.Now(), o.CPU(s.cmd.Process.Pid)
	bad, err := c.send(0, o.Kept, 1000, func(i int) int { return 10 + i%(users-10) })
	if err != nil {
		return err
	}
	wall, used := time.Since(begun), o.CPU(s.cmd.Process.Pid)-cpu
	o.row("kept for absent users, durable", fmt.Sprintf("%.0f a second, %.1f µs each, %d of %d refused", float64(o.Kept)/wall.Seconds(), float64(used)/1e3/float64(o.Kept), bad, o.Kept), "10,000 a second")
	return nil
}

// returns registers a user for whom 1,000 messages wait.
func (s *server) returns(o Options) error {
	best := time.Duration(0)
	for user := range 3 {
		c, err := s.dial()
		if err != nil {
			return err
		}
		first := 1_000_000 * (user + 1)
		if bad, err := c.send(first, inbox, 1, func(int) int { return user }); err != nil || bad > 0 {
			return fmt.Errorf("%d of %d messages were not kept: %w", bad, inbox, err)
		}
		begun := time.Now()
		fmt.Fprintf(c, "REGISTER sip:bench.test SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKr%d\r\nMax-Forwards: 70\r\nFrom: <sip:u%d@bench.test>;tag=1\r\nTo: <sip:u%d@bench.test>\r\nCall-ID: r%d\r\nCSeq: 1 REGISTER\r\nContact: <sip:u%d@%s>;expires=3600;+sip.instance=\"<urn:uuid:%d>\"\r\nContent-Length: 0\r\n\r\n",
			c.LocalAddr(), user, user, user, user, user, c.LocalAddr(), user)
		for want := first; want < first+inbox; {
			m := c.next(10 * time.Second)
			if m == nil {
				return fmt.Errorf("after %d of %d messages nothing comes", want-first, inbox)
			}
			if !bytes.HasPrefix(m, []byte("MESSAGE ")) {
				continue
			}
			switch n, _ := strconv.Atoi(string(field(m, "Call-ID"))); {
			case n > want:
				return fmt.Errorf("message %d comes before %d", n, want)
			case n == want:
				want++
			}
			if _, err := c.Write(answer(m)); err != nil {
				return err
			}
		}
		if took := time.Since(begun); best == 0 || took < best {
			best = took
		}
		_ = c.Close()
	}
	o.row("1,000 kept messages delivered in order, from REGISTER to the last", best.Round(time.Millisecond).String(), "1s")
	return nil
}

func answer(m []byte) []byte {
	b := []byte("SIP/2.0 200 OK\r\n")
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		b = append(append(append(append(b, name...), ": "...), field(m, name)...), "\r\n"...)
	}
	return append(b, "Content-Length: 0\r\n\r\n"...)
}
