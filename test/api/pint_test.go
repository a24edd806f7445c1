package api

import (
	"testing"
	"time"

	"tandem/pint/service"
	"tandem/pint/stats"
	"tandem/test/harness"
)

// TestPINTMetrics: the counters of RFC 3055 are metrics by service and period.
func TestPINTMetrics(t *testing.T) {
	s := harness.Running(t, nil)
	count := s.PINT().Stats()
	count.Count(stats.Request{Kind: service.Call}, stats.Received, time.Now().Add(-time.Hour))
	count.Count(stats.Request{Kind: service.Call}, stats.Received, time.Now())
	count.Count(stats.Request{Kind: service.Fax}, stats.AuthFailed, time.Now())
	got := counted(t, s)
	for name, want := range map[string]float64{
		"tandem_pint_calls_received_total " + string(service.Call):                              2,
		"tandem_pint_calls_received " + string(stats.Last15Min) + " " + string(service.Call):    1,
		"tandem_pint_calls_received " + string(stats.Last24Hr) + " " + string(service.Call):     2,
		"tandem_pint_calls_auth_failed " + string(stats.Last30Sec) + " " + string(service.Fax):  1,
		"tandem_pint_calls_disconnected " + string(stats.Last30Sec) + " " + string(service.Fax): 1,
	} {
		if n, ok := got[name]; !ok || n != want {
			t.Errorf("%s is %v (%v), want %v", name, n, ok, want)
		}
	}
}
