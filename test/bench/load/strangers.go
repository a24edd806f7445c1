package load

import (
	"time"

	"tandem/test/bench/server"

	"golang.org/x/sys/unix"
)

// SendStrangers sends REGISTER, INVITE and OPTIONS of nobody the server knows, from an
// address of this machine, and returns how many left a second.
func SendStrangers(from, to string, users int, rate float64, length time.Duration) (float64, error) {
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 0) // after the phones, who share this core
	var socks []*socket
	for range 32 {
		s, err := dialTo("0.0.0.0", to)
		if err != nil {
			return 0, err
		}
		socks = append(socks, s)
	}
	start := time.Now()
	sent := 0
	for round := 0; time.Since(start) < length; round++ {
		if ahead := float64(sent)/rate - time.Since(start).Seconds(); ahead > 0 {
			time.Sleep(time.Duration(ahead * float64(time.Second)))
			continue
		}
		s := socks[round%len(socks)]
		for range min(batch, max(1, int(rate/1000))) {
			s.queue(appendStranger(s.buf(), from, sent, users, s.port))
			sent++
		}
		s.flush()
		if round%256 == 0 {
			for s.read(func([]byte) {}) > 0 { // answers are not what this is about
			}
		}
	}
	return float64(sent) / time.Since(start).Seconds(), nil
}

func appendStranger(b []byte, from string, n, users, port int) []byte {
	method := [...]string{"REGISTER", "INVITE", "OPTIONS"}[n%3]
	b = append(append(b, method...), " sip:u1@"+server.Domain+" SIP/2.0\r\nVia: SIP/2.0/UDP "+from+":"...)
	b = appendInt(b, port)
	b = append(b, ";rport;branch=z9hG4bKx"...)
	b = appendInt(b, n)
	b = append(b, "\r\nMax-Forwards: 70\r\nFrom: <sip:u"...)
	b = appendInt(b, n%users)
	b = append(b, "@"+server.Domain+">;tag=x\r\nTo: <sip:u1@"+server.Domain+">\r\nCall-ID: x"...)
	b = appendInt(b, n)
	b = append(b, "@strangers\r\nCSeq: 1 "...)
	b = append(b, method...)
	b = append(b, "\r\nContact: <sip:x@"+from+":"...)
	b = appendInt(b, port)
	return append(b, ">\r\nUser-Agent: stranger/1.0\r\nContent-Length: 0\r\n\r\n"...)
}
