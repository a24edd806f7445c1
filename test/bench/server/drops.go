package server

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

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
