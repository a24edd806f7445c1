package datafolder

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/store"
)

// A data folder of which a part has gone is refused with what to do, and left as
// it is.
func TestPartsOfTheDataFolderGone(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	whole := func(t *testing.T) *config.Config {
		cfg := config.Default()
		cfg.Data = t.TempDir()
		db, key, err := Open(t.Context(), &cfg, quiet)
		if err != nil || len(key) != keySize {
			t.Fatal(err, key)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		return &cfg
	}
	remove := func(names ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			for _, name := range names {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	write := func(name string, b []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(t *testing.T, dir string)
		says   []string // none: it opens
		kind   error
	}{
		{"nothing", func(*testing.T, string) {}, nil, nil},
		{"database", remove("tandem.db"), []string{"no database", "tandem restore", "remove "}, store.ErrLost},
		{"database and its lock", remove("tandem.db", "tandem.db.lock"), []string{"there is a key", "no database", "tandem restore"}, store.ErrLost},
		{"content of the database", write("tandem.db", nil), []string{"no database", "tandem restore"}, store.ErrLost},
		{"key", remove("key"), []string{"is missing", "tandem restore", "--new-key"}, nil},
		{"half of the key", write("key", make([]byte, 16)), []string{"16 octets", "tandem restore", "--new-key"}, nil},
		{"key of another", write("key", make([]byte, 32)), []string{"does not belong", "tandem restore", "--new-key"}, nil},
		{"all", remove("key", "tandem.db", "tandem.db.lock"), nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := whole(t)
			c.change(t, cfg.Data)
			before := listing(t, cfg.Data)
			db, _, err := Open(t.Context(), cfg, quiet)
			if err == nil {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
				if c.says != nil {
					t.Fatal("opened")
				}
				return
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in %v", want, err)
				}
			}
			if c.says == nil || c.kind != nil && !errors.Is(err, c.kind) {
				t.Error(err)
			}
			if after := listing(t, cfg.Data); after != before {
				t.Errorf("the folder was\n%s\nand is\n%s", before, after)
			}
			if strings.Contains(err.Error(), "--new-key") {
				if err := RenewKey(t.Context(), cfg, quiet); err != nil {
					t.Fatal(err)
				}
				db, key, err := Open(t.Context(), cfg, quiet)
				if err != nil || len(key) != keySize || bytes.Equal(key, make([]byte, keySize)) {
					t.Fatalf("after --new-key: %v", err)
				}
				db.Close()
			}
		})
	}
}

// listing is the names in a folder and the key.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e.Name() + " ")
	}
	key, _ := os.ReadFile(filepath.Join(dir, keyFile))
	return b.String() + fmt.Sprintf("%x", key)
}

func TestKeyIsTheSameAfterARestart(t *testing.T) {
	cfg := config.Default()
	cfg.Data = t.TempDir()
	var first []byte
	for range 3 {
		db, key, err := Open(t.Context(), &cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		db.Close()
		if first == nil {
			first = key
		}
		if !bytes.Equal(key, first) {
			t.Error("another key")
		}
	}
	if info, err := os.Stat(filepath.Join(cfg.Data, keyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestFolderThatOthersCanRead(t *testing.T) {
	dir := t.TempDir()
	for mode, told := range map[os.FileMode]bool{0o700: false, 0o750: true, 0o755: true} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		CheckMode(dir, slog.New(slog.NewTextHandler(&out, nil)))
		if strings.Contains(out.String(), "chmod 700 "+dir) != told {
			t.Errorf("%v: log: %s", mode, out.String())
		}
	}
}

// A folder that another process has for a moment is waited for; one of a server is not.
func TestAnotherHasTheFolder(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	cfg := config.Default()
	cfg.Data = t.TempDir()
	other, _, err := Open(t.Context(), &cfg, quiet)
	if err != nil {
		t.Fatal(err)
	}
	server, err := net.Listen("unix", cfg.Socket())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(t.Context(), &cfg, quiet); !errors.Is(err, store.ErrLocked) {
		t.Errorf("of a server: %v", err)
	}
	server.Close()
	time.AfterFunc(200*time.Millisecond, func() { _ = other.Close() })
	db, key, err := Open(t.Context(), &cfg, quiet)
	if err != nil || len(key) != keySize {
		t.Fatal(err, key)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// A folder that others can read is told of, with what to do.
func TestCheckMode(t *testing.T) {
	dir := t.TempDir()
	for mode, told := range map[os.FileMode]bool{0o700: false, 0o500: false, 0o755: true, 0o740: true, 0o701: true} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		CheckMode(dir, slog.New(slog.NewTextHandler(&out, nil)))
		if got := strings.Contains(out.String(), "chmod 700 "+dir); got != told {
			t.Errorf("%v: the log says %q", mode, out.String())
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}
