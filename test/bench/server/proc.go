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

// Memory is the proportional set size of processes, in MiB.
type Memory struct {
	All       float64
	Anonymous float64 // without pages of files: the kernel may take those back, as it has them on disk
}

func (m Memory) String() string { return fmt.Sprintf("%.0f MiB (%.0f anonymous)", m.All, m.Anonymous) }

// add counts pid and its descendants.
func (m *Memory) add(pid int) {
	for _, p := range processes(pid) {
		f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil {
			continue
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			name, size, _ := strings.Cut(s.Text(), ":")
			kib, _ := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(size, "kB")), 64)
			switch name {
			case "Pss":
				m.All += kib / 1024
			case "Pss_Anon":
				m.Anonymous += kib / 1024
			}
		}
		f.Close()
	}
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
