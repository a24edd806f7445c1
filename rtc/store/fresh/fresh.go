// Package fresh gives tests data folders with a new database in them. It is made
// once in a process and copied: under the race detector its migrations take
// longer than many a test.
package fresh

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Folder is a data folder to be copied.
type Folder struct {
	fill func(dir string) error
	once sync.Once
	err  error
	file map[string][]byte // by name
}

// New is a folder that fill makes when the first copy is asked for. fill leaves
// nothing open.
func New(fill func(dir string) error) *Folder { return &Folder{fill: fill} }

// Copy is a folder of the test's own.
func (f *Folder) Copy(t testing.TB) string {
	t.Helper()
	f.once.Do(func() { f.err = f.make() })
	if f.err != nil {
		t.Fatal(f.err)
	}
	dir := t.TempDir()
	for name, b := range f.file {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func (f *Folder) make() error {
	dir, err := os.MkdirTemp("", "tandem-fresh-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := f.fill(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	f.file = make(map[string][]byte)
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if f.file[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
