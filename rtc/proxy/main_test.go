package proxy

import (
	"flag"
	"os"
	"runtime/pprof"
	"testing"
	"time"
)

// TestMain fails when tests leave goroutines behind.
func TestMain(m *testing.M) {
	running := pprof.Lookup("goroutine").Count
	before := running()
	code := m.Run()
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		os.Exit(code) // the fuzzing engine leaves goroutines of its own
	}
	deadline := time.Now().Add(30 * time.Second)
	for running() > before && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if running() > before {
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		code = 1
	}
	os.Exit(code)
}
