package test

import (
	"fmt"
	"os"
	"runtime/pprof"
	"testing"
	"time"
)

// TestMain fails when tests leave goroutines behind, and removes the binary
// that some of them had built.
func TestMain(m *testing.M) {
	running := pprof.Lookup("goroutine").Count
	before := running()
	code := m.Run()
	built.remove()
	deadline := time.Now().Add(10 * time.Second)
	for running() > before && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if running() > before {
		fmt.Fprintf(os.Stderr, "%d goroutines, %d before the tests:\n", running(), before)
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		code = 1
	}
	os.Exit(code)
}
