package api

import (
	"testing"

	"tandem/cmd/tandem/server"
	"tandem/test/harness"
)

// counted are the metrics of a server, by name and the values of their labels.
func counted(t *testing.T, s *server.Server) map[string]float64 {
	t.Helper()
	families, err := s.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}

// What became of each REGISTER that the gate accepted is counted.
func TestRegisterMetrics(t *testing.T) {
	r := harness.StartServer(t, nil)
	r.User("alice")
	a := r.Dial(t, "udp")
	a.Register("alice")
	a.Register("alice")
	a.Register("alice", "Contact: "+a.Contact("alice")+";expires=0")
	got := counted(t, r.S)
	for outcome, want := range map[string]float64{"bound": 1, "refreshed": 1, "removed": 1, "fetched": 0, "refused": 0, "failed": 0} {
		if n, ok := got["tandem_registers_total "+outcome]; !ok || n != want {
			t.Errorf("%s: %v (%v), want %v", outcome, n, ok, want)
		}
	}
}
