//go:build !linux || !(amd64 || arm64) || nolibopus

package codec

import (
	"errors"
	"fmt"
)

// libopus cannot be loaded in this build.
type libopus struct{}

var errNoLibrary = errors.New("this build cannot load libopus (Linux on amd64 or arm64 can, without the tag nolibopus)")

func openLibrary() (*libopus, error) { return nil, errNoLibrary }

func (*libopus) encoder(int, int) ([]byte, error)                    { return nil, errNoLibrary }
func (*libopus) decoder(int) ([]byte, error)                         { return nil, errNoLibrary }
func (*libopus) set([]byte, int, int) error                          { return errNoLibrary }
func (*libopus) encode(*opusEncoder, int, int) (int, error)          { return 0, errNoLibrary }
func (*libopus) decode(*libraryDecoder, int, int, bool) (int, error) { return 0, errNoLibrary }

// Library says which libopus serves Opus here, or why none does.
func Library() (string, error) { return "", fmt.Errorf("%w: %w", ErrNoEncoder, errNoLibrary) }
