package harness

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"tandem/cmd/tandem/gatewaysim"
	"tandem/cmd/tandem/softphone"
	"tandem/media/sound"
	"tandem/telephony"
)

// Seen keeps what happened to a call.
type Seen struct {
	Mu      sync.Mutex
	kinds   []telephony.EventKind
	Parties [][]telephony.Party
}

func (s *Seen) Watch(e telephony.Event) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	s.Parties = append(s.Parties, e.Parties)
	if e.Kind != telephony.Changed {
		s.kinds = append(s.kinds, e.Kind)
	}
}

func (s *Seen) All() []telephony.EventKind {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	return slices.Clone(s.kinds)
}

// Connect has the server call two parties for alice.
func (r *Rig) Connect(t *testing.T, a, b string, o telephony.Options) *telephony.Call {
	t.Helper()
	o.Payer = "sip:alice@" + Domain
	c, err := r.S.Exchange().Connect(Soon(t), a, b, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// NothingLeft waits until no call, no media session and no port is left.
func (r *Rig) NothingLeft(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(Patience); ; time.Sleep(5 * time.Millisecond) {
		calls, sessions, load := r.S.Exchange().Active(), len(r.S.Media().Sessions()), r.S.Media().Load()
		if calls+sessions == 0 && load == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d calls, %d media sessions and ports (load %g) are left", calls, sessions, load)
		}
	}
}

// Listens has a phone talk until it has heard so much, whatever that takes.
func Listens(t *testing.T, call *softphone.Call, o softphone.TalkOptions, much time.Duration) *softphone.Report {
	t.Helper()
	ctx, enough := context.WithTimeout(context.Background(), much+Patience)
	defer enough()
	o.OnSound = func(heard []int16) {
		if sound.Duration(len(heard)) >= much {
			enough()
		}
	}
	report, err := call.Talk(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// HearsAnnouncement has a phone call a number behind a simulated gateway and say nothing
// until it has heard the announcement.
func HearsAnnouncement(t *testing.T, phone *softphone.Phone) (*softphone.Call, *softphone.Report) {
	t.Helper()
	call, err := phone.Dial(Soon(t), "+49301234567", softphone.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	announcement := sound.Duration(len(gatewaysim.Announcement()))
	return call, Listens(t, call, softphone.TalkOptions{Play: sound.Silence(announcement), Measure: true}, announcement+2*time.Second)
}
