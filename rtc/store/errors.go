package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// The kinds of failure a caller can tell apart with errors.Is.
var (
	ErrURL       = errors.New("bad store address")
	ErrPath      = errors.New("store file cannot be opened")
	ErrLocked    = errors.New("store is in use by another process")
	ErrReadOnly  = errors.New("store cannot be written")
	ErrFull      = errors.New("disk full or failing")
	ErrCorrupt   = errors.New("store file is damaged")
	ErrLost      = errors.New("store has lost what was acknowledged")
	ErrGone      = errors.New("store file was removed or replaced")
	ErrNewer     = errors.New("store was made by a newer version")
	ErrConflict  = errors.New("already exists")
	ErrQueueFull = errors.New("store cannot keep up: write queue is full")
	ErrTooLarge  = errors.New("change is too large")
	ErrClosed    = errors.New("store is closed")
)

// Error is a failure with its kind, what to do about it, and the cause.
type Error struct {
	Kind   error  // one of the Err… values
	Path   string // the database file, "" when it does not matter
	Remedy string
	Err    error // the cause, may be nil
}

// Error is one line: what, where, what to do, and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.Error())
	if e.Path != "" {
		fmt.Fprintf(&b, " (%s)", e.Path)
	}
	if e.Remedy != "" {
		b.WriteString(": " + e.Remedy)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, " [%s]", strings.ReplaceAll(e.Err.Error(), "\n", " "))
	}
	return b.String()
}

// Unwrap gives both the kind and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// classify turns what the driver or the file system said into an *Error, nil
// into nil and leaves alone what it does not know.
func classify(path string, err error) error {
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		if remedy, kind := sqliteKind(se.Code(), path); kind != nil {
			return &Error{Kind: kind, Path: path, Remedy: remedy, Err: err}
		}
		return err
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EIO):
		remedy, kind := sqliteKind(sqlite3.SQLITE_FULL, path)
		return &Error{Kind: kind, Path: path, Remedy: remedy, Err: err}
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		remedy, kind := sqliteKind(sqlite3.SQLITE_READONLY, path)
		return &Error{Kind: kind, Path: path, Remedy: remedy, Err: err}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, fs.ErrExist):
		remedy, kind := sqliteKind(sqlite3.SQLITE_CANTOPEN, path)
		return &Error{Kind: kind, Path: path, Remedy: remedy, Err: err}
	}
	return err
}

// sqliteKind reads a (possibly extended) SQLite result code.
func sqliteKind(code int, path string) (remedy string, kind error) {
	dir := filepath.Dir(path)
	switch code & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR:
		return "free space on the disk of " + dir + " and check it", ErrFull
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "end the program that has it open", ErrLocked
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "restore it from a backup or name another file", ErrCorrupt
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return "make the file and its directory " + dir + " writable for this user", ErrReadOnly
	case sqlite3.SQLITE_CANTOPEN:
		return "make sure " + dir + " is a directory this user may write", ErrPath
	}
	return "", nil
}

// breaks tells a failing store from a refused statement: after it, nothing of
// the transaction can be relied on.
func breaks(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return true
	}
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return false
	}
	code := se.Code() & 0xff
	_, kind := sqliteKind(code, "")
	return kind != nil || code == sqlite3.SQLITE_NOMEM || code == sqlite3.SQLITE_INTERRUPT
}

// refused gives the error of one change the kind a caller can act on.
func refused(err error) error {
	if err == nil {
		return nil
	}
	var se *sqlite.Error
	if errors.As(err, &se) && se.Code()&0xff == sqlite3.SQLITE_CONSTRAINT {
		return &Error{Kind: ErrConflict, Remedy: "choose another name or number", Err: err}
	}
	return err
}
