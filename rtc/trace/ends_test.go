package trace

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

type deaf struct{}

func (deaf) Message(transport.Sink, transport.Flow, *sip.Message, *sip.Error) {}
func (deaf) FlowClosed(transport.Flow)                                        {}

// A flow kept as numbers is written as the transport writes it.
func TestFlowsAreWrittenAsTheTransportDoes(t *testing.T) {
	tr, err := transport.New(transport.Config{Handler: deaf{}, Log: slog.New(slog.DiscardHandler), Listen: []transport.Listen{
		{Proto: transport.UDP, Addr: netip.MustParseAddrPort("127.0.0.1:0")},
		{Proto: transport.UDP, Addr: netip.MustParseAddrPort("[::1]:0")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := NewRing(0)
	want := []string{transport.Flow{}.String()}
	r.Tap(transport.Packet{Time: time.Now()})
	for _, l := range tr.Listeners() {
		peer := netip.AddrPortFrom(l.Addr().Addr(), 5070)
		f, err := tr.Flow(transport.Target{Proto: transport.UDP, Addr: peer, Via: l})
		if err != nil {
			t.Fatal(err)
		}
		r.Tap(transport.Packet{Time: time.Unix(7, 9), Out: true, Flow: f, Bytes: []byte("x")})
		want = append(want, f.String())
	}
	got := r.Entries(0, Filter{})
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i, e := range got {
		local, remote := split(want[i])
		if e.Flow != want[i] || e.Local != local || e.Remote != remote {
			t.Errorf("%q %q %q, want %q", e.Flow, e.Local, e.Remote, want[i])
		}
		if i > 0 && (!e.Out || !e.Time.Equal(time.Unix(7, 9)) || string(e.Bytes) != "x") {
			t.Errorf("%+v", e)
		}
	}
}
