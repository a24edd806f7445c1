package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
)

// parts prints the Go benchmarks that say what the parts of an operation cost:
// a message parsed and indexed, a datagram through our sockets and back (the
// kernel's share, which nobody can go below), and the whole path of a request
// without sockets on one and on two cores.
func parts(w io.Writer) error {
	fmt.Fprintf(w, "\nParts (go test -bench)\n\n")
	for _, b := range []struct{ pkg, match, cpu string }{
		{"./rtc/sip", "^(BenchmarkParseINVITE|BenchmarkParseAndCheck)$", "1"},
		{"./rtc/transport", "^BenchmarkUDPEcho$", "1"},
		{"./cmd/tandem/server", "^Benchmark(Register|Message)Path$", "1,2"},
	} {
		// This program is pinned to one core; what it starts would be as well.
		all := fmt.Sprintf("0-%d", runtime.NumCPU()-1)
		out, err := exec.Command("taskset", "-c", all, "go", "test", "-run", "^$", "-bench", b.match, "-cpu", b.cpu, "-benchtime", "1s", b.pkg).CombinedOutput()
		if err != nil {
			return fmt.Errorf("benchmark of %s: %w: %s", b.pkg, err, out)
		}
		for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
			if strings.HasPrefix(s.Text(), "Benchmark") {
				fmt.Fprintln(w, "    "+s.Text())
			}
		}
	}
	return nil
}
