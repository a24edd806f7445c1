package transaction

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

func TestAdmission(t *testing.T) {
	never := math.Inf(1)
	indialog := []string{"To: <sip:bob@example.com>;tag=b"}
	tests := []struct {
		method string
		lines  []string
		uri    string
		shedAt float64 // least pressure that sheds
	}{
		{"INVITE", nil, "", 0.80},
		{"SUBSCRIBE", []string{"Event: presence", "Contact: <sip:a@192.0.2.1>"}, "", 0.80},
		{"PUBLISH", []string{"Event: presence"}, "", 0.80},
		{"PUBLISH", []string{"Event: presence", "SIP-If-Match: a"}, "", 0.97}, // a refresh
		{"MESSAGE", nil, "", 0.90},
		{"REGISTER", nil, "", 0.97},
		{"OPTIONS", nil, "", 0.97},
		{"INVITE", indialog, "", never},
		{"BYE", indialog, "", never},
		{"INVITE", []string{"Priority: Emergency"}, "", never},
		{"INVITE", []string{"Resource-Priority: ets.0"}, "", never},
		{"INVITE", []string{"User-Agent: known"}, "", never},
		{"REGISTER", []string{"User-Agent: known"}, "", never},
		{"INVITE", nil, "urn:service:sos", never},
		{"INVITE", nil, "urn:service:sos.fire", never},
		{"INVITE", nil, "urn:service:sosxy", 0.80},
		{"INVITE", nil, "sip:112@example.com;user=phone", never},
		{"INVITE", nil, "tel:911", never},
		{"INVITE", nil, "sip:1120@example.com", 0.80},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.uri+strings.Join(tt.lines, " "), func(t *testing.T) {
			for _, load := range []float64{0, 0.79, 0.80, 0.89, 0.90, 0.96, 0.97, 1, 5} {
				known := func(_ transport.Flow, m *sip.Message) bool { return string(m.Get(sip.HdrUserAgent)) == "known" }
				in(t, Config{Pressure: func() float64 { return load }, Known: known}, func(t *testing.T, w *world) {
					time.Sleep(100 * ms)
					text := request(tt.method, tt.lines...)
					if tt.uri != "" {
						text = strings.Replace(text, "sip:bob@example.com", tt.uri, 1)
					}
					w.take(udp(), text)
					want := "100ms < " + tt.method
					if load >= tt.shedAt {
						want = "100ms > 503"
					}
					w.want(want)
					if shed := w.l.Stats().Shed; (shed == 1) != (load >= tt.shedAt) {
						t.Errorf("load %v: %d counted as shed", load, shed)
					}
				})
			}
		})
	}
}

// Room in MaxServer is the other load: ordinary requests stop short of it, those
// that are protected fill it, nothing goes beyond.
func TestAdmissionByOccupancy(t *testing.T) {
	in(t, Config{MaxServer: 10}, func(t *testing.T, w *world) {
		send := func(i int, method string, lines ...string) {
			w.log = nil
			come(udp(), method, append(lines, fmt.Sprintf("Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK%s%d;rport", method, i))...)(w)
		}
		for i := range 8 {
			send(i, "INVITE")
			w.want("0s < INVITE")
		}
		send(8, "INVITE")
		w.want("0s > 503")
		send(0, "MESSAGE")
		w.want("0s < MESSAGE")
		send(1, "MESSAGE")
		w.want("0s > 503")
		send(0, "BYE", "To: <sip:bob@example.com>;tag=b")
		w.want("0s < BYE")
		send(1, "BYE", "To: <sip:bob@example.com>;tag=b")
		w.want("0s > 503")
		send(0, "REGISTER")
		w.want("0s > 503")
		answer(200)(w) // the BYE
		send(1, "REGISTER")
		w.want("0s < REGISTER")
		if s := w.l.Stats(); s.Shed != 4 || s.Server != 9 || w.l.Active() != 9 {
			t.Errorf("%+v, %d active", s, w.l.Active())
		}
	})
}

func TestRetryAfterIsSpread(t *testing.T) {
	in(t, Config{Pressure: func() float64 { return 1 }, RetryAfter: 10 * time.Second}, func(t *testing.T, w *world) {
		time.Sleep(100 * ms)
		seen := map[int]bool{}
		for range 200 {
			come(udp(), "INVITE")(w)
			_, after, ok := strings.Cut(string(w.bytes["503"]), "\r\nRetry-After: ")
			after, _, _ = strings.Cut(after, "\r\n")
			n, err := strconv.Atoi(after)
			if !ok || err != nil || n < 10 || n > 20 {
				t.Fatalf("Retry-After %q in\n%s", after, w.bytes["503"])
			}
			seen[n] = true
		}
		if len(seen) < 5 {
			t.Errorf("only %d different values", len(seen))
		}
	})
}
