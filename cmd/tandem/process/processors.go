package process

import (
	"os"
	"runtime"
)

// SpareProcessor gives a server on one core a second one of Go's, unless GOMAXPROCS
// says how many it is to have. Whoever waits for the disk keeps the only one for up to
// ten milliseconds, until the runtime notices: meanwhile nobody is served, which costs
// half of the calls a second that the core can lead. What has a part for each core, such
// as sockets, is made before.
func SpareProcessor() {
	if runtime.GOMAXPROCS(0) == 1 && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2)
	}
}
