package ng

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// Client sends requests to one relay: ours or rtpengine. It is safe for concurrent use,
// one request at a time.
type Client struct {
	mu   sync.Mutex
	conn net.Conn
	n    uint64
}

// Dial makes a client of the relay at a UDP address.
func Dial(addr string) (*Client, error) {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("reaching the relay: %w", err)
	}
	return &Client{conn: conn}, nil
}

// Close ends it.
func (c *Client) Close() error { return c.conn.Close() }

// repeatAfter is how long a response may take before the request is repeated. The relay
// recognizes the cookie and does nothing twice.
const repeatAfter = 500 * time.Millisecond

// Do sends a request and returns the answer. A result of "error" is an error
// with the relay's reason.
func (c *Client) Do(ctx context.Context, request Dict) (Dict, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	cookie := strconv.FormatInt(time.Now().UnixNano(), 36) + "_" + strconv.FormatUint(c.n, 36)
	message := encode([]byte(cookie+" "), request)
	buffer := make([]byte, 1<<16)
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%s: the relay does not answer: %w", request.String("command"), err)
		}
		if _, err := c.conn.Write(message); err != nil {
			return nil, fmt.Errorf("%s: %w", request.String("command"), err)
		}
		until := time.Now().Add(repeatAfter)
		if deadline, ok := ctx.Deadline(); ok && deadline.Before(until) {
			until = deadline
		}
		if err := c.conn.SetReadDeadline(until); err != nil {
			return nil, err
		}
		for {
			n, err := c.conn.Read(buffer)
			if err != nil {
				break // no response in time, or no relay yet: repeat
			}
			text, ok := bytes.CutPrefix(buffer[:n], []byte(cookie+" "))
			if !ok {
				continue // the response to an earlier request
			}
			reply, err := decode(text)
			if err == nil && reply.String("result") == "error" {
				err = fmt.Errorf("%s: the relay says: %s", request.String("command"), reply.String("error-reason"))
			}
			return reply, err
		}
	}
}
