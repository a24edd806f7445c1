package harness

import (
	"context"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/server"
)

// Running is a server with its own data folder that is ended with the test.
func Running(t *testing.T, change func(*config.Config)) *server.Server {
	t.Helper()
	cfg := config.Default()
	cfg.Domains, cfg.Data, cfg.HTTP.Addr = []string{"example.com"}, Data(t), ""
	cfg.Listen = []config.Listen{{Proto: "udp", Addr: "127.0.0.1:0"}}
	if change != nil {
		change(&cfg)
	}
	s, err := server.New(t.Context(), cfg, server.Options{})
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

// Holds waits for something that happens shortly, and tells whether it did.
func Holds(f func() bool) bool {
	for end := time.Now().Add(Patience); ; time.Sleep(10 * time.Millisecond) {
		if f() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}
