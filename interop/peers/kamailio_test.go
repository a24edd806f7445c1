package peers_test

import (
	"fmt"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/interop/process"
	"tandem/rtc/proxy"
	"tandem/test/realtime"
)

// Kamailio with a domain of its own: calls between a phone registered there and
// one registered here, both ways, ended by either side.
func TestKamailioAsPeer(t *testing.T) {
	t.Parallel()
	for _, outward := range []bool{false, true} {
		t.Run(fmt.Sprintf("outward=%v", outward), func(t *testing.T) {
			t.Parallel()
			realtime.Measure(t, func(t *testing.T) []string {
				// Each needs the other's port: the server's is known first.
				port, err := process.Port()
				must(t, "choosing a port", err)
				k, err := peers.StartKamailio(within(t), folder(t), port)
				must(t, "starting kamailio", err)
				t.Cleanup(func() {
					if t.Failed() {
						t.Logf("kamailio's log:\n%s", k.Transcript())
					}
					_ = k.Close()
				})
				s := startServer(t, peers.Settings{Port: port, AllowForeign: true, Routes: []proxy.Route{{
					Name: "kamailio", Match: proxy.Match{Domain: peers.KamailioDomain}, NextHop: proxy.Hops{k.URI()}}}})
				explain(t, s, "alice")
				alice := user(t, s, "linphonec", "alice", phones.TCP)
				carol := startPhone(t, "baresip", k.Account("carol", phones.UDP))
				if outward {
					connect(t, alice, carol, "sip:carol@"+peers.KamailioDomain)
				} else {
					connect(t, carol, alice, "sip:alice@"+peers.Domain)
				}
				time.Sleep(talk)
				if outward {
					must(t, "hanging up", carol.Hangup())
				} else {
					must(t, "hanging up", alice.Hangup())
				}
				ended(t, alice)
				ended(t, carol)
				return append(wrongTone(t, "alice", alice, tones["carol"]), wrongTone(t, "carol", carol, tones["alice"])...)
			})
		})
	}
}
