// Package proc says what a running process uses, with all that it started: time on
// processors and memory. Who starts and loads it is the matter of others.
package proc

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Tree is pid and all its descendants.
func Tree(pid int) []int {
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

// CPU is the time on a processor of pid and its descendants since their start.
func CPU(pid int) time.Duration { return scheduled(pid, 0) }

// Waited is how long their threads were ready to run, and did not, for others did.
func Waited(pid int) time.Duration { return scheduled(pid, 1) }

// scheduled adds up a field of schedstat, in ns, over all threads.
func scheduled(pid, field int) (total time.Duration) {
	for _, p := range Tree(pid) {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p))
		for _, t := range tasks {
			if b, err := os.ReadFile(t); err == nil {
				if f := strings.Fields(string(b)); field < len(f) {
					ns, _ := strconv.ParseInt(f[field], 10, 64)
					total += time.Duration(ns)
				}
			}
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

// Add counts pid and its descendants.
func (m *Memory) Add(pid int) {
	for _, p := range Tree(pid) {
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
