package process

import (
	"fmt"
	"os"
	"strings"
)

// bound reports whether a process has a UDP socket at a port: a port that is not free
// may be a stranger's.
func bound(pid, port int) bool {
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/udp", pid))
	if err != nil {
		return false
	}
	inodes := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		if f := strings.Fields(line); len(f) > 9 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", port)) {
			inodes["socket:["+f[9]+"]"] = true
		}
	}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	list, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range list {
		if to, err := os.Readlink(dir + "/" + e.Name()); err == nil && inodes[to] {
			return true
		}
	}
	return false
}
