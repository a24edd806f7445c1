package peers_test

import (
	"context"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/rtc/proxy"
)

// The standard scenarios of sipp, caller and callee, through the server.
func TestSIPpCalls(t *testing.T) {
	t.Parallel()
	uas, err := peers.StartUAS(within(t), folder(t))
	must(t, "starting the callee", err)
	t.Cleanup(func() { _ = uas.Close() })
	s := startServer(t, peers.Settings{Trusting: true, Routes: []proxy.Route{{
		Name: "sipp", Match: proxy.Match{Domain: peers.Elsewhere}, NextHop: proxy.Hops{"sip:" + uas.Addr() + ";transport=udp"}}}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	const calls, rate = 300, 60
	got, err := peers.RunUAC(ctx, folder(t), "+4930123456", s.TrustsPort, calls, rate)
	t.Logf("%d calls at %d a second: %+v", calls, rate, got)
	must(t, "calling", err)
	if got.Failed != 0 {
		t.Errorf("%d calls failed", got.Failed)
	}
}
