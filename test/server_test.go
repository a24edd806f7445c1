package test

import (
	"testing"

	"tandem/rtc/transport"
	"tandem/test/harness"
)

func TestServerServesEveryTransport(t *testing.T) {
	r := harness.StartServer(t, nil)
	if got := len(r.S.Transport().Listeners()); got != len(harness.Listeners) {
		t.Fatalf("%d listeners", got)
	}
	for i, l := range r.S.Transport().Listeners() {
		if want := map[string]transport.Proto{"udp": transport.UDP, "tcp": transport.TCP, "tls": transport.TLS, "ws": transport.WS,
			"wss": transport.WSS, "trusted": transport.UDP, "trusted-tcp": transport.TCP}[harness.Listeners[i]]; l.Proto() != want {
			t.Errorf("listener %s is %s", harness.Listeners[i], l.Proto())
		}
	}
	for _, proto := range []string{"udp", "tcp", "tls", "ws", "wss"} {
		t.Run(proto, func(t *testing.T) {
			w := r.Dial(t, proto)
			w.Alive()
		})
	}
}
