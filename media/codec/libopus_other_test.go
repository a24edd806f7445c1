//go:build !linux || !(amd64 || arm64) || nolibopus

package codec

import (
	"errors"
	"testing"
)

// TestWithoutLibrary is what a machine without libopus sees: Opus can be heard,
// and not spoken. Run it by itself: go test -tags nolibopus -run WithoutLibrary.
func TestWithoutLibrary(t *testing.T) {
	f, ok := Find("opus", 48000, 2)
	if !ok {
		t.Fatal("no Opus")
	}
	if err := f.CanEncode(); !errors.Is(err, ErrNoEncoder) {
		t.Errorf("can encode: %v", err)
	}
	if e, err := f.NewEncoder(8000, Options{}); !errors.Is(err, ErrNoEncoder) || e != nil {
		t.Errorf("encoder %v, %v", e, err)
	}
	if _, err := Library(); !errors.Is(err, ErrNoEncoder) {
		t.Errorf("library: %v", err)
	}
	if _, err := f.NewDecoder(8000); err != nil {
		t.Errorf("decoder: %v", err)
	}
}
