package media

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// alarms opens a call and says which alarms there are about A when nothing has
// come for a time after its last packet.
func alarms(t *testing.T, last uint8, after time.Duration, extra ...string) (kinds []EventKind) {
	t.Helper()
	s := start(t)
	events := make(chan Event, 20)
	session, err := s.Open(t.Name(), Options{Handle: func(e Event) { events <- e }})
	if err != nil {
		t.Fatal(err)
	}
	a := newPhone(t, pcmu, 440)
	text := strings.Replace(string(a.sdp(append(extra, "a=rtpmap:13 CN/8000")...)), "AVP 0", "AVP 0 13", 1)
	if _, err := session.Offer(A, []byte(text), Want{}); err != nil {
		t.Fatal(err)
	}
	answer, err := session.Answer(B, []byte(strings.Replace(text, "a=sendonly", "a=recvonly", 1)), Want{})
	if err != nil {
		t.Fatal(err)
	}
	a.use(answer)
	packet := forged(1, 7)
	packet[1] = last
	a.send(packet)
	await(t, "the packet", func() bool { return !session.Report().Streams[0].Sides[A].LastHeard.IsZero() })
	session.bridge.Watch(time.Now().Add(after), nil)
	session.post(Event{})
	for e := range events {
		switch {
		case e.Kind == 0:
			return kinds
		case e.Side == A:
			kinds = append(kinds, e.Kind)
		}
	}
	return nil
}

// A side that said it would be silent, or that holds the call, is not missed.
func TestSilenceThatIsInOrder(t *testing.T) {
	for _, c := range []struct {
		name  string
		last  uint8
		after time.Duration
		extra string
		want  string
	}{
		{"speech and nothing more", 0, 5 * time.Second, "a=sendrecv", "[one-way]"},
		{"comfort noise", 13, 5 * time.Second, "a=sendrecv", "[]"},
		{"comfort noise and a minute of nothing", 13, 61 * time.Second, "a=sendrecv", "[one-way idle]"},
		{"hold", 0, 5 * time.Second, "a=sendonly", "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fmt.Sprint(alarms(t, c.last, c.after, c.extra)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// A call nobody has to speak in is not dead: held, or ringing. In the end it is,
// for a phone that is gone says so no more than one that waits.
func TestSilenceWhileNobodyHasToSpeak(t *testing.T) {
	for name, c := range map[string]struct {
		offer, answer string // "" no answer
		dead          time.Duration
	}{
		"both hold":        {"inactive", "inactive", time.Hour},
		"one holds":        {"sendonly", "recvonly", time.Hour},
		"the other holds":  {"sendrecv", "inactive", time.Hour},
		"nobody answered":  {"sendrecv", "", time.Hour},
		"somebody speaks":  {"sendrecv", "sendrecv", time.Minute},
		"one only listens": {"recvonly", "sendonly", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
				session, idle := open(t, start(t))
				if _, err := session.Offer(A, a.sdp("a="+c.offer), Want{}); err != nil {
					t.Fatal(err)
				}
				if c.answer != "" {
					if _, err := session.Answer(B, b.sdp("a="+c.answer), Want{}); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(c.dead - 2*time.Second)
				if idle(EventIdle) > 0 {
					t.Errorf("said to be dead before %v", c.dead)
				}
				time.Sleep(4 * time.Second)
				if idle(EventIdle) != 1 {
					t.Errorf("said to be dead %d times after %v", idle(EventIdle), c.dead)
				}
				if c.answer == "" {
					return
				}
				if _, err := session.Offer(A, version(a.sdp("a=sendrecv"), 2), Want{}); err != nil { // resumed
					t.Fatal(err)
				}
				time.Sleep(c.dead - 2*time.Second)
				if idle(EventIdle) > 1 {
					t.Error("dead while another offer waits for its answer")
				}
				time.Sleep(4 * time.Second)
				if idle(EventIdle) != 2 {
					t.Errorf("said to be dead %d times in all, want once more after another offer", idle(EventIdle))
				}
			})
		})
	}
}
