package softphone

import (
	"net"
	"strconv"
)

// LocalAddr is host:port of the own SIP socket: over UDP that of the phone,
// else that of the connection by which it registered last ("" before).
func (p *Phone) LocalAddr() string {
	if p.local != "" {
		return p.local
	}
	p.reg.mu.Lock()
	defer p.reg.mu.Unlock()
	if p.reg.contact.Host == "" {
		return ""
	}
	return net.JoinHostPort(p.reg.contact.Host, strconv.Itoa(p.reg.contact.Port))
}
