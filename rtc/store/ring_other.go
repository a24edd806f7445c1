//go:build !linux

package store

import (
	"errors"
	"os"
)

// ring is Linux's.
type ring struct{}

func newRing(*os.File) (*ring, error) { return nil, errors.ErrUnsupported }

func (*ring) sync() (asked bool, err error) { return false, errors.ErrUnsupported }

func (*ring) close() {}

func syncData(file *os.File) error { return file.Sync() }
