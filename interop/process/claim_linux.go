package process

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// claim takes a port for this process until it ends, so that tests of another
// process on this machine are not given it between choosing and use. It holds a
// lock on a file; what another user's tests hold cannot be seen and counts as free.
func claim(port int) bool {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("tandem-ports-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return true
	}
	fd, err := syscall.Open(filepath.Join(dir, fmt.Sprint(port)), syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return true
	}
	if err := syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = syscall.Close(fd)
		return false
	}
	return true // the descriptor stays open, and with it the lock
}
