package harness

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Main runs the tests of a package. It fails when they leave goroutines of the server
// behind, and removes the binary that some of them had built. What the client libraries
// leave is their matter: sipgo forgets a reader now and then.
func Main(m *testing.M) {
	code := m.Run()
	built.remove()
	left := servers()
	for deadline := time.Now().Add(10 * time.Second); len(left) > 0 && time.Now().Before(deadline); left = servers() {
		time.Sleep(10 * time.Millisecond)
	}
	if len(left) > 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines are left:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// servers are the stacks of the goroutines that run or were started by code of
// the server.
func servers() []string {
	buf := make([]byte, 8<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var left []string
	for _, stack := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(stack, "tandem/rtc/") || strings.Contains(stack, "tandem/cmd/") {
			left = append(left, stack)
		}
	}
	return left
}
