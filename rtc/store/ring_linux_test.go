package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Both ways of forcing a file, many times over while it grows, and on something that
// cannot be forced.
func TestForcing(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	try := func(t *testing.T, sync func() error) {
		ended := make(chan error, 1)
		go func() {
			var err error
			for n := 0; n < 200 && err == nil; n++ {
				if _, err = file.WriteString("a line of the log\n"); err == nil {
					err = sync()
				}
			}
			ended <- err
		}()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Error("waits for ever")
		}
	}
	// ringOf is nil where the kernel gives no ring; then the call has done instead.
	ringOf := func(t *testing.T) *ring {
		r, err := newRing(file)
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
			t.Logf("this kernel gives us no ring, so the call has to do: %v", err)
			try(t, (&wal{file: file}).toDisk)
			return nil
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	t.Run("call", func(t *testing.T) {
		try(t, func() error { return syncData(file) })
		if err := syncData(out); !errors.Is(err, unix.EINVAL) {
			t.Errorf("a pipe was forced: %v", err)
		}
	})
	t.Run("ring", func(t *testing.T) {
		r := ringOf(t)
		if r == nil {
			return
		}
		defer r.close()
		try(t, func() error {
			asked, err := r.sync()
			if !asked {
				t.Error("not asked")
			}
			return err
		})
		if r, err := newRing(out); !errors.Is(err, unix.EINVAL) {
			t.Errorf("a pipe was forced: %v %v", r, err)
		}
	})
	// A ring that the kernel takes nothing from any more gives way to the call.
	t.Run("broken ring", func(t *testing.T) {
		r := ringOf(t)
		if r == nil {
			return
		}
		*r.word(r.at.requested) -= 1 // nothing to take
		l := &wal{file: file, ring: r}
		try(t, l.toDisk)
		if l.ring != nil {
			t.Error("the ring is still in use")
		}
	})
}
