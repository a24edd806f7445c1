package calls

import (
	"testing"
	"time"

	"tandem/telephony/cdr"
	"tandem/telephony/guard"
	"tandem/test/bubble"
)

// What was called today counts after a restart, also calls during which the server ended,
// and also for a limit that is set only then.
func TestTodayCountsAfterARestart(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		time.Sleep(2 * time.Hour)
		for state, talked := range map[cdr.State]time.Duration{cdr.Completed: 10 * time.Minute, cdr.Interrupted: 20 * time.Minute, cdr.Open: 40 * time.Minute, cdr.Failed: 0} {
			now := time.Now()
			r := cdr.Record{ID: string(state), State: state, Kind: "national", Payer: "sip:alice@time.test", Trunk: "gw", Started: now.Add(-time.Hour)}
			if talked > 0 {
				r.Answered = now.Add(-talked)
			}
			if state != cdr.Open {
				r.Ended = now
			}
			done := make(chan error, 1)
			if err := w.S.Records().Put(r, func(err error) { done <- err }); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		w.Stop()
		w.Open()
		k := guard.Key{Level: guard.User, Name: "sip:alice@time.test"}
		if err := w.S.Guard().Set(w.T.Context(), guard.Limit{Key: k, MinutesDay: 60}); err != nil {
			t.Fatal(err)
		}
		if used := w.S.Guard().Used(k, k.Name); used.Minutes < 70 || used.Minutes > 72 {
			t.Errorf("%+v, want 70 minutes", used)
		}
	})
}
