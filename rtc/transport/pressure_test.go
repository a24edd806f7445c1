//go:build linux

package transport

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"

	"tandem/rtc/sip"
)

type ignore struct{}

func (ignore) Message(Sink, Flow, *sip.Message, *sip.Error) {}
func (ignore) FlowClosed(Flow)                              {}

// Nobody reads: the buffer fills, then drops, and both show.
func TestPressure(t *testing.T) {
	tr, err := New(Config{Handler: ignore{}, Log: slog.New(slog.DiscardHandler),
		Listen: []Listen{{Proto: UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.listeners[0].close()
	if p := tr.Pressure(); p != 0 {
		t.Errorf("idle: %v", p)
	}
	c, err := net.Dial("udp", tr.Listeners()[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	last, big := 0.0, make([]byte, 60000)
	for range 1000 {
		if _, err := c.Write(big); err != nil {
			t.Fatal(err)
		}
		p := tr.Pressure()
		if p < last {
			break // dropped once, counted once
		}
		last = p
	}
	if last < droppedPressure {
		t.Errorf("with a full buffer: %v, want at least %v", last, droppedPressure)
	}
}
