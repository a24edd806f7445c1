package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// wal is the write-ahead log, which the writer forces to disk itself after each commit.
// SQLite would do it within the commit, by a call that holds one of Go's processors,
// and with the file's times, for which the file system keeps a journal of its own.
type wal struct {
	file *os.File
	ring *ring        // nil: none here; then by a system call
	sync func() error // toDisk, but for tests
	lost error        // it could not be forced once
}

// openWAL opens the log of a database that is open.
func openWAL(path string) (*wal, error) {
	file, err := os.OpenFile(path+"-wal", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	l := &wal{file: file}
	if l.ring, err = newRing(file); err != nil {
		l.ring = nil
	}
	l.sync = l.toDisk
	return l, nil
}

// force returns when all that was committed is on disk. It does not recover from an
// error: the system takes pages for written that the disk has refused, so that the
// next attempt would say that all is well.
func (l *wal) force() error {
	if l.lost != nil {
		return l.lost
	}
	if err := l.sync(); err != nil {
		l.lost = &Error{Kind: ErrFull, Path: l.file.Name(),
			Remedy: "nothing more is kept: free space on its disk, check it, and start the server again",
			Err:    fmt.Errorf("forcing the log to disk: %w", err)}
	}
	return l.lost
}

func (l *wal) toDisk() error {
	if l.ring != nil {
		asked, err := l.ring.sync()
		switch {
		case !asked: // the kernel takes nothing any more
			l.ring.close()
			l.ring = nil
		case !untried(err):
			return err
		}
	}
	return syncData(l.file)
}

// untried is the kernel's answer when it has given a request up, as it does when the
// thread ends that asked: the disk has refused nothing.
func untried(err error) bool {
	return errors.Is(err, syscall.ECANCELED) || errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.EAGAIN)
}

func (l *wal) close() {
	if l.ring != nil {
		l.ring.close()
	}
	_ = l.file.Close()
}
