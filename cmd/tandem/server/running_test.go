package server

import (
	"context"
	"tandem/cmd/tandem/config"
	"testing"
	"time"
)

// patience is how long a test waits for what should come, on a machine that may stand
// still for a while.
const patience = 30 * time.Second

// running is a server with its own data folder that is ended with the test.
func running(t *testing.T, change func(*config.Config)) *Server {
	t.Helper()
	cfg := config.Default()
	cfg.Domains, cfg.Data, cfg.HTTP.Addr = []string{"example.com"}, t.TempDir(), ""
	cfg.Listen = []config.Listen{{Proto: "udp", Addr: "127.0.0.1:0"}}
	if change != nil {
		change(&cfg)
	}
	s, err := New(t.Context(), cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}
