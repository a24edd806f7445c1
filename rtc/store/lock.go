package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// fileLock keeps a second process away from a database. It stands on a file of
// its own beside it, because closing any descriptor of the database itself
// would drop SQLite's locks. The kernel releases it when the process dies.
type fileLock struct{ f *os.File }

func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder := make([]byte, 32)
		n, _ := f.ReadAt(holder, 0)
		_ = f.Close()
		remedy := "stop the other server first, or name another file"
		if pid := strings.TrimSpace(string(holder[:n])); pid != "" {
			remedy = "process " + pid + " holds it; " + remedy
		}
		return nil, &Error{Kind: ErrLocked, Path: path, Remedy: remedy}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	// The number is a help for people, so a failure to write it does not matter.
	if f.Truncate(0) == nil {
		_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return &fileLock{f: f}, nil
}

func (l *fileLock) release() error { return l.f.Close() }
