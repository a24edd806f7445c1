package peers_test

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"tandem/cmd/tandem/gatewaysim"
	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/test/realtime"
)

// A phone calls a telephone number: a trunk takes it to the gateway,
// whose announcement is heard, level and frequency of each tone.
func TestNumberThroughGateway(t *testing.T) {
	t.Parallel()
	gw, err := gatewaysim.Start(gatewaysim.Config{Addr: netip.MustParseAddrPort("127.0.0.1:0")})
	must(t, "starting the gateway", err)
	t.Cleanup(func() { _ = gw.Close() })
	for kind, proto := range map[string]phones.Proto{"baresip": phones.UDP, "linphonec": phones.TLS} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			realtime.Measure(t, func(t *testing.T) []string {
				s := startServer(t, peers.Settings{})
				must(t, "adding the trunk", s.AddTrunk(within(t), "network", int(gw.Addr().Port())))
				explain(t, s, kind)
				p := user(t, s, kind, kind, proto)
				must(t, "dialling", p.Dial("sip:+4930123456@"+peers.Domain))
				must(t, "it rings there", p.Ringing(within(t)))
				must(t, "it answers", p.Established(within(t)))
				time.Sleep(3500 * time.Millisecond) // the announcement: 0.9 s of three tones, a pause, 1.5 s of 440 Hz
				must(t, "hanging up", p.Hangup())
				ended(t, p)
				h, err := p.Heard()
				must(t, kind+" recorded", err)
				t.Logf("%s heard %s", kind, h)
				return wrongAnnouncement(h)
			})
		})
	}
}

// wrongAnnouncement says what is wrong with the gateway's tones, in order.
func wrongAnnouncement(h phones.Heard) (wrong []string) {
	at := 0
	for _, want := range []struct {
		freq   float64
		length time.Duration
	}{{523, 300 * time.Millisecond}, {659, 300 * time.Millisecond}, {784, 300 * time.Millisecond}, {440, 1500 * time.Millisecond}} {
		for at < len(h.Tones) && math.Abs(h.Tones[at].Freq-want.freq) > maxFreq {
			at++
		}
		if at == len(h.Tones) {
			return append(wrong, fmt.Sprintf("no tone of %.0f Hz where it should be: %s", want.freq, h))
		}
		tone := h.Tones[at]
		if math.Abs(tone.Level-level) > maxLevel {
			wrong = append(wrong, fmt.Sprintf("%.0f Hz is heard at %.1f dBFS, want %.1f", want.freq, tone.Level, level))
		}
		if short := want.length - tone.Length; short > 120*time.Millisecond {
			wrong = append(wrong, fmt.Sprintf("%.0f Hz lasts %s, want %s", want.freq, tone.Length, want.length))
		}
	}
	return wrong
}
