package store

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// fileLock keeps a second process away from a database, and knows how many
// transactions were acknowledged, even when the database does not any more. It
// stands on a file of its own beside it, because closing any descriptor of the
// database itself would drop SQLite's locks. The kernel releases it when the
// process dies.
//
// The file has two lines of fixed length: the process, and the transactions.
type fileLock struct {
	f    *os.File
	kept uint64 // transactions, when it was taken
}

const (
	lockSuffix = ".lock"
	pidLine    = 16 // octets of the first line
	countLine  = 21
)

func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path+lockSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	text := make([]byte, pidLine+countLine)
	n, _ := f.ReadAt(text, 0)
	words := strings.Fields(string(text[:n]))
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		_ = f.Close()
		remedy := "stop the other server first, or name another file"
		if len(words) > 0 {
			remedy = "process " + words[0] + " holds it; " + remedy
		}
		return nil, &Error{Kind: ErrLocked, Path: path, Remedy: remedy}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	l := &fileLock{f: f}
	if len(words) > 1 {
		l.kept, _ = strconv.ParseUint(words[1], 10, 64)
	}
	if err := l.write(); err != nil {
		_ = f.Close()
		return nil, err
	}
	return l, nil
}

func (l *fileLock) write() error {
	if _, err := l.f.WriteAt(fmt.Appendf(nil, "%-*d\n", pidLine-1, os.Getpid()), 0); err != nil {
		return err
	}
	return l.keep(l.kept)
}

// keep notes that n transactions are on disk. It is not forced to disk: after
// the process was killed it is there, after a power cut it may say less, which
// does no harm.
func (l *fileLock) keep(n uint64) error {
	line := [countLine]byte{countLine - 1: '\n'}
	for i := range line[:countLine-1] {
		line[i] = ' '
	}
	strconv.AppendUint(line[:0], n, 10)
	_, err := l.f.WriteAt(line[:], pidLine)
	return err
}

func (l *fileLock) release() error { return l.f.Close() }
