package server

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A stranger cannot fill the disk with warnings; what is left out is counted,
// other warnings and what is no warning go on.
func TestWarningsAreThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		cfg := Default()
		cfg.Domains, cfg.Data, cfg.HTTP.Addr = []string{"log.test"}, t.TempDir(), ""
		cfg.Listen = []Listen{{Proto: "udp", Addr: "127.0.0.1:0"}}
		s, err := New(t.Context(), cfg, Options{Log: slog.New(slog.NewTextHandler(&b, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		b.Reset()
		w := &world{t: t, cfg: cfg, start: time.Now(), s: s}
		stranger := w.phoneAt(2)
		for i := range 1000 {
			stranger.send([]byte(fmt.Sprintf("ACK sip:x@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: <sip:a@log.test>;tag=1\r\nTo: <sip:b@log.test>;tag=2\r\nCall-ID: %d\r\nCSeq: 1 ACK\r\n\r\n", i, i)))
		}
		if n := strings.Count(b.String(), "\n"); n == 0 || n > maxWarnings {
			t.Errorf("%d lines in no time, want at most %d", n, maxWarnings)
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
