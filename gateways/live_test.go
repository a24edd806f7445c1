package gateways

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tandem/rtc/sip"
)

func options(t *testing.T, header string) *sip.Message {
	t.Helper()
	m := new(sip.Message)
	if err := m.Parse([]byte("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP b\r\nFrom: <sip:b>;tag=1\r\nTo: <sip:a>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n" + header + "\r\n")); err != nil {
		t.Fatal(err)
	}
	return m
}

// A gateway that says it is nearly full is tried after others, until it says
// otherwise or nothing for a while.
func TestReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTrunks(t, at("gw", serves("+")))
		gw := s.Table().ByName("gw")
		gw.Reported(options(t, "X-Cisco-RAI: SYSTEM ; almost-out-of-resource=false, DS0 ; almost-out-of-resource=true;available=1;total=23\r\n"))
		if gw.State() != Degraded {
			t.Error(gw.State())
		}
		gw.Reported(options(t, ""))
		if gw.State() != Degraded {
			t.Errorf("%s after an OPTIONS that says nothing of it", gw.State())
		}
		gw.Reported(options(t, "X-cisco-rai: DS0;almost-out-of-resource=false\r\n"))
		if gw.State() != Up {
			t.Error(gw.State())
		}
	})
}

// A trunk that fails call after call is avoided though it answers OPTIONS; one whose
// calls fail for what the called party did is not.
func TestFaults(t *testing.T) {
	s := newTrunks(t, at("gw", serves("+")))
	gw := s.Table().ByName("gw")
	for range faultsMany - 1 {
		gw.Answered(500, 0)
		gw.Heard(200, 0)
	}
	gw.Answered(486, 0)
	gw.Answered(500, 0)
	if gw.State() != Up {
		t.Error(gw.State())
	}
	gw.Answered(502, 0)
	gw.Answered(504, 0)
	gw.Heard(200, 0)
	if gw.State() != Degraded {
		t.Error(gw.State())
	}
}

// A trunk that asked for a pause is not chosen at all; one that is just silent is the
// last resort.
func TestPauseIsRespected(t *testing.T) {
	s := newTrunks(t, at("gw", serves("+")))
	gw := s.Table().ByName("gw")
	for range missesDown {
		gw.Missed("silence")
	}
	if got := chosen(s, "+1"); got != "gw" {
		t.Errorf("silent: %q", got)
	}
	gw.Answered(503, time.Minute)
	if got := chosen(s, "+1"); got != "" || gw.State() != Down {
		t.Errorf("in a pause: %q, %s", got, gw.State())
	}
}

func TestDirections(t *testing.T) {
	s := newTrunks(t, at("gw", func(t *Trunk) { t.Channels, t.ChannelsIn, t.ChannelsOut = 3, 1, 2 }))
	gw := s.Table().ByName("gw")
	for i, c := range []struct {
		d  Direction
		ok bool
	}{{In, true}, {In, false}, {Out, true}, {Out, true}, {Out, false}} {
		if gw.Seize(c.d) != c.ok {
			t.Errorf("%d: %v", i, !c.ok)
		}
	}
	gw.Release(In)
	if gw.Calls() != 2 || gw.Seize(Out) || !gw.Seize(In) {
		t.Errorf("%d calls", gw.Calls())
	}
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTrunks(t, at("gw", func(t *Trunk) { t.Rate = 5 }))
		gw := s.Table().ByName("gw")
		begun := func() (n int) {
			for gw.Seize(Out) {
				n++
			}
			return n
		}
		if n := begun(); n != 5 {
			t.Errorf("%d at once", n)
		}
		time.Sleep(400 * time.Millisecond)
		if n := begun(); n != 2 {
			t.Errorf("%d after 400 ms", n)
		}
		if gw.Calls() != 7 {
			t.Errorf("%d calls", gw.Calls())
		}
	})
}

func TestDrainAndVia(t *testing.T) {
	s := newTrunks(t, at("a", func(t *Trunk) { t.Prefixes, t.Group = []string{"+49"}, "pstn" }), at("b", func(t *Trunk) { t.Group, t.Cost = "pstn", 1 }), at("c", serves("+")))
	var got string
	for trunk := range s.Table().Via("pstn") {
		got += trunk.Name
	}
	if got != "ab" {
		t.Errorf("%q by the group", got)
	}
	if err := s.Change(context.Background(), "a", func(t *Trunk) error { t.Draining = true; return nil }); err != nil {
		t.Fatal(err)
	}
	a := s.Table().ByName("a")
	if a.State() != Draining || a.Seize(Out) || a.Seize(In) || chosen(s, "+4930") != "c" {
		t.Errorf("%s, %q", a.State(), chosen(s, "+4930"))
	}
	if err := s.Change(context.Background(), "a", func(t *Trunk) error { t.Draining = false; return nil }); err != nil || a.State() != Up {
		t.Errorf("%v, %s", err, a.State())
	}
}
