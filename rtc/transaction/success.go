package transaction

import (
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// SuccessTU is a ClientTU of NOTIFYs that does not read the 200 it gets, unless that is an
// unusual one: such a response is not made a message of. They come in crowds, as many as
// NOTIFYs are sent.
type SuccessTU interface {
	ClientTU
	// Succeeded comes in place of Response.
	Succeeded(c *Client)
}

// Success implements transport.Succeeder.
func (l *Layer) Success(out transport.Sink, b []byte) bool {
	branch, ok := sip.Success(b, "NOTIFY")
	if !ok || len(branch) != BranchLen { // a longer one has the mark of the proxy
		return false
	}
	ln, n, gen, ours := l.readBranch(branch)
	if !ours {
		return false
	}
	ln.enter(out)
	defer ln.leave()
	c := ln.client(n, gen)
	if c == nil || c.method != sip.NOTIFY || c.state != calling && c.state != ringing {
		return false
	}
	tu, ok := c.tu.(SuccessTU)
	if !ok {
		return false
	}
	c.terminate()
	tu.Succeeded(c)
	return true
}
