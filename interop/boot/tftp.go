package boot

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"
)

// TFTP fetches a file as a phone does (RFC 1350), octet by octet: a request to the
// port, and the transfer with whatever port answers.
func TFTP(ctx context.Context, server, path string, options ...string) ([]byte, error) {
	to, err := net.ResolveUDPAddr("udp", server)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	request := append([]byte{0, 1}, path...)
	request = append(request, 0)
	for _, word := range append([]string{"octet"}, options...) {
		request = append(append(request, word...), 0)
	}
	if _, err := conn.WriteToUDP(request, to); err != nil {
		return nil, err
	}
	return receive(ctx, conn)
}

func receive(ctx context.Context, conn *net.UDPConn) ([]byte, error) {
	var file []byte
	size, next := 512, uint16(1)
	buf := make([]byte, 65536)
	for {
		deadline := time.Now().Add(5 * time.Second)
		if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
			deadline = d
		}
		if err := conn.SetReadDeadline(deadline); err != nil {
			return nil, err
		}
		n, from, err := conn.ReadFromUDP(buf)
		if err != nil {
			return nil, err
		}
		if n < 4 {
			return nil, errors.New("a packet of less than four octets")
		}
		ack := uint16(0)
		switch kind := binary.BigEndian.Uint16(buf); kind {
		case 3:
			if ack = binary.BigEndian.Uint16(buf[2:]); ack == next {
				file = append(file, buf[4:n]...)
				next++
			}
		case 5:
			if code := binary.BigEndian.Uint16(buf[2:]); code == 1 {
				return nil, ErrMissing
			}
			return nil, fmt.Errorf("error %q", buf[4:n-1])
		case 6:
			if size, err = blockSize(buf[2:n]); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("a packet of kind %d", kind)
		}
		if _, err := conn.WriteToUDP([]byte{0, 4, byte(ack >> 8), byte(ack)}, from); err != nil {
			return nil, err
		}
		if buf[1] == 3 && n-4 < size {
			return file, nil
		}
	}
}

// blockSize reads an OACK (RFC 2347).
func blockSize(b []byte) (int, error) {
	size := 512
	var words []string
	for start, i := 0, 0; i < len(b); i++ {
		if b[i] == 0 {
			words = append(words, string(b[start:i]))
			start = i + 1
		}
	}
	for i := 0; i+1 < len(words); i += 2 {
		if words[i] == "blksize" {
			if size = port(words[i+1]); size < 8 {
				return 0, fmt.Errorf("blksize %q", words[i+1])
			}
		}
	}
	return size, nil
}
