package demo

import (
	"fmt"
	"io"
	"sync"
)

// printer writes whole lines; calls come in on several goroutines.
type printer struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer.
func (p *printer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.w.Write(b)
}

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *printer) title(s string) { p.line("%s\n", s) }

func (p *printer) field(name, format string, args ...any) {
	fmt.Fprintf(p, "%-9s %s\n", name, fmt.Sprintf(format, args...))
}

// instructions are the five lines for the reader's own phone.
func (d *demo) instructions() {
	bob := d.users[1]
	d.out.line("")
	d.out.line("Now your own phone. It stays up until Ctrl-C.")
	d.out.line("  1  Server %s, port %d over UDP or TCP, port %d over TLS.", d.place.host, d.place.sip.Port(), d.place.tls.Port())
	d.out.line("  2  Register as %s, domain %s, password %s.", bob.name, d.place.host, bob.password)
	d.out.line("  3  Dial any number, e.g. %s: an announcement, then you hear yourself.", number)
	d.out.line("  4  Numbers ending in 00 are busy, 01 ring on, 02 do not exist; alice echoes too.")
	d.out.line("  5  Watch from another terminal: %s trace --ladder --user %s", d.cfg.Name, bob.name)
}
