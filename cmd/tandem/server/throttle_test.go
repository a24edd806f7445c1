package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/process"
)

// A stranger cannot fill the disk with warnings; what is left out is counted,
// other warnings and what is no warning go on.
func TestWarningsAreThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		cfg := config.Default()
		cfg.Domains, cfg.Data, cfg.HTTP.Addr = []string{"log.test"}, t.TempDir(), ""
		cfg.Listen = []config.Listen{{Proto: "udp", Addr: "127.0.0.1:0"}}
		s, err := New(t.Context(), cfg, Options{Log: slog.New(slog.NewTextHandler(&b, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		b.Reset()
		for range 1000 {
			s.log.Warn("relaying denied")
		}
		if n := strings.Count(b.String(), "\n"); n == 0 || n > process.MaxWarnings {
			t.Errorf("%d lines in no time, want at most %d", n, process.MaxWarnings)
		}
		s.log.With("k", 1).Warn("of another kind")
		for range 1000 {
			s.log.Info("told")
		}
		if strings.Count(b.String(), "of another kind") != 1 || strings.Count(b.String(), "told") != 1000 {
			t.Error("others were left out")
		}
		time.Sleep(time.Second)
		b.Reset()
		for range 3 {
			s.log.Warn("relaying denied")
		}
		if strings.Count(b.String(), "left_out=980") != 1 || strings.Count(b.String(), "\n") != 3 {
			t.Errorf("afterwards:\n%s", b.String())
		}
	})
}
