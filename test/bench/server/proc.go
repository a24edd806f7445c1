package server

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// processes are pid and all its descendants.
func processes(pid int) []int {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[i]))
		for _, t := range tasks {
			b, _ := os.ReadFile(t)
			for f := range strings.FieldsSeq(string(b)) {
				if n, err := strconv.Atoi(f); err == nil {
					pids = append(pids, n)
				}
			}
		}
	}
	return pids
}

// CPUTime is the time on a CPU of pid and its descendants since their start,
// summed over threads (schedstat, ns).
func CPUTime(pid int) time.Duration {
	var total time.Duration
	for _, p := range processes(pid) {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p))
		for _, t := range tasks {
			b, err := os.ReadFile(t)
			if err != nil {
				continue
			}
			f, _, _ := strings.Cut(string(b), " ")
			ns, _ := strconv.ParseInt(f, 10, 64)
			total += time.Duration(ns)
		}
	}
	return total
}

// memory is the proportional set size of pid and its descendants, in MiB.
func memory(pid int) float64 {
	var kib int
	for _, p := range processes(pid) {
		f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil {
			continue
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			if v, ok := strings.CutPrefix(s.Text(), "Pss:"); ok {
				n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")))
				kib += n
				break
			}
		}
		f.Close()
	}
	return float64(kib) / 1024
}

// SocketDrops sums what the kernel dropped from receive buffers of UDP sockets.
func SocketDrops(port int) int {
	b, _ := os.ReadFile("/proc/net/udp")
	suffix := fmt.Sprintf(":%04X", port)
	total := 0
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); len(f) > 12 && strings.HasSuffix(f[1], suffix) {
			n, _ := strconv.Atoi(f[12])
			total += n
		}
	}
	return total
}
