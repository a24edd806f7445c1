package gateways

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tandem/gateways/dialect"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
)

func TestHysteresis(t *testing.T) {
	for _, c := range []struct{ seen, want string }{
		{"hit", "up"},
		{"miss", "degraded"},
		{"miss hit", "degraded"}, // one answer is not enough
		{"miss hit hit", "up"},
		{"miss miss", "degraded"},
		{"miss miss miss", "down"},
		{"miss miss miss hit", "down"},
		{"miss miss miss hit hit", "up"},
		{"miss miss miss hit miss hit", "down"}, // answers have to be in a row
		{"503 503 503", "down"},
		{"408", "degraded"},
		{"405", "up"},
		{"miss miss miss 404 481", "up"},
		{"503+60", "down"},
		{"503+60 hit hit", "down"}, // it asked for a minute
		{"503+60 wait61 hit", "up"},
		{"miss 503+1 wait2 hit", "degraded"},
		{"503+100000 wait301 hit", "up"}, // longer than it may ask for
	} {
		synctest.Test(t, func(t *testing.T) {
			gw := newTrunks(t, at("gw", serves("+"))).Table().ByName("gw")
			for s := range strings.FieldsSeq(c.seen) {
				var status, pause int
				switch {
				case s == "miss":
					gw.Missed("no answer")
				case s == "hit":
					gw.Heard(200, 0)
				case strings.HasPrefix(s, "wait"):
					fmt.Sscanf(s, "wait%d", &pause)
					time.Sleep(time.Duration(pause) * time.Second)
				default:
					fmt.Sscanf(s, "%d+%d", &status, &pause)
					gw.Heard(status, time.Duration(pause)*time.Second)
				}
			}
			if got := gw.State().String(); got != c.want {
				t.Errorf("%s: %s, want %s", c.seen, got, c.want)
			}
		})
	}
}

// network is what the trunks of a test answer.
type network struct {
	mu      sync.Mutex
	answers map[string]int // by URI; 0 or none: nothing
	pause   int
	asked   map[string]int
}

func (n *network) set(uri string, status, pause int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answers[uri], n.pause = status, pause
}

// count is how often a URI was asked.
func (n *network) count(uri string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[uri]
}

func (n *network) send(o uac.Outside, done func(uac.Reply)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked[o.URI]++
	status := n.answers[o.URI]
	if status == 0 {
		time.AfterFunc(o.Timeout, func() { done(uac.Reply{Err: errors.New("silence")}) })
		return nil
	}
	text := fmt.Sprintf("SIP/2.0 %d X\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n", status)
	if n.pause > 0 {
		text += fmt.Sprintf("Retry-After: %d\r\n", n.pause)
	}
	m := new(sip.Message)
	if err := m.Parse([]byte(text + "Content-Length: 0\r\n\r\n")); err != nil {
		return err
	}
	time.AfterFunc(10*time.Millisecond, func() { done(uac.Reply{Message: m}) })
	return nil
}

// probed runs a prober on trunks in a bubble.
func probed(t *testing.T, s *Trunks) *network {
	n := &network{answers: map[string]int{}, asked: map[string]int{}}
	p := NewProber(s.Table, n.send, "<sip:example.com>", 0)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // what is under way ends
	})
	return n
}

func TestProber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const uri = "sip:gw.example.com"
		s := newTrunks(t, at("gw", serves("+")))
		gw := s.Table().ByName("gw")
		n := probed(t, s)
		n.set(uri, 405, 0) // it knows no OPTIONS, and is there
		time.Sleep(5 * time.Minute)
		if asked := n.count(uri); gw.State() != Up || asked < 9 || asked > 15 {
			t.Fatalf("%s, asked %d times in 5 minutes", gw.State(), asked)
		}
		n.set(uri, 0, 0)
		time.Sleep(time.Minute)
		if _, _, why := gw.Health(); gw.State() != Down || !strings.Contains(why, "silence") {
			t.Fatalf("%s: %s; it has not answered for a minute", gw.State(), why)
		}
		n.set(uri, 200, 0)
		time.Sleep(20 * time.Second)
		if gw.State() != Up {
			t.Fatalf("%s; it answers again", gw.State())
		}
		n.set(uri, 503, 60)
		time.Sleep(31 * time.Second)
		n.set(uri, 200, 0)
		time.Sleep(20 * time.Second)
		if gw.State() != Down {
			t.Fatalf("%s; it asked for a minute of peace", gw.State())
		}
		time.Sleep(time.Minute)
		if gw.State() != Up {
			t.Fatalf("%s; the minute is over", gw.State())
		}
	})
}

// TestCallSpeedsUpProbes: a call that finds a trunk silent has it probed at once,
// so that it is down, or up again, in seconds.
func TestCallSpeedsUpProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTrunks(t, at("gw", serves("+")))
		gw := s.Table().ByName("gw")
		n := probed(t, s)
		n.set("sip:gw.example.com", 200, 0)
		time.Sleep(time.Minute)
		gw.Missed("no answer to INVITE")
		if gw.State() != Degraded {
			t.Fatal(gw.State())
		}
		time.Sleep(15 * time.Second)
		if gw.State() != Up {
			t.Fatal(gw.State())
		}
	})
}

func TestProberAsksTheNextAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTrunks(t, Trunk{Name: "gw", Addresses: []string{"sip:a.example.com", "sip:b.example.com"}, Prefixes: []string{"+"}})
		n := probed(t, s)
		n.set("sip:b.example.com", 200, 0)
		time.Sleep(2 * time.Minute)
		if gw := s.Table().ByName("gw"); gw.State() != Up || n.count("sip:a.example.com") == 0 {
			t.Errorf("%s; the first address was asked %d times", gw.State(), n.count("sip:a.example.com"))
		}
	})
}

// TestWhoIsNotProbed: disabled and removed trunks, and those that do not bear it;
// the latter get another chance by themselves.
func TestWhoIsNotProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s := newTrunks(t,
			at("off", func(t *Trunk) { t.Disabled = true }),
			at("old", func(t *Trunk) { t.Probe = dialect.ProbeOff }),
			at("gone", serves("+")))
		n := probed(t, s)
		time.Sleep(time.Minute)
		if err := s.Remove(ctx, "gone"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		before := n.count("sip:gone.example.com")
		old := s.Table().ByName("old")
		for range missesDown {
			old.Missed("no answer to INVITE")
		}
		if old.State() != Down {
			t.Fatal(old.State())
		}
		time.Sleep(10 * time.Minute)
		if n.count("sip:off.example.com") != 0 || n.count("sip:old.example.com") != 0 {
			t.Error("a trunk was asked that should not be")
		}
		if after := n.count("sip:gone.example.com"); before == 0 || after != before {
			t.Errorf("the removed trunk was asked %d times, then %d", before, after)
		}
		if old.State() != Up {
			t.Errorf("%s; nobody would ever call it again", old.State())
		}
		if off := s.Table().ByName("off"); off.State() != Disabled {
			t.Error(off.State())
		}
	})
}

// TestDraining: a trunk that is disabled keeps its calls.
func TestDraining(t *testing.T) {
	s := newTrunks(t, at("gw", serves("+")))
	gw := s.Table().ByName("gw")
	if !gw.Seize(Out) {
		t.Fatal("no channel")
	}
	if err := s.Change(t.Context(), "gw", func(t *Trunk) error { t.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if gw.State() != Draining || gw.Seize(Out) || chosen(s, "+1") != "" {
		t.Errorf("%s", gw.State())
	}
	gw.Release(Out)
	if gw.State() != Disabled {
		t.Errorf("%s", gw.State())
	}
}
