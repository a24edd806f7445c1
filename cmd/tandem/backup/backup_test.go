package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// source makes a data folder with a snapshot.
func source(t *testing.T) Source {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"key": "secret", "ca.pem": "authority", "acme/account.pem": "account", "tandem.db": "changing", "tandem.db-wal": "log",
		"tandem.db.lock": "1", "snapshot-1.db": "database", "key.old": "former", "snapshot-0.db": "forgotten",
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return Source{Data: dir, Database: filepath.Join(dir, "snapshot-1.db"), Version: "test",
		Leave: []string{filepath.Join(dir, "tandem.db"), filepath.Join(dir, "snapshot-")}}
}

func nothing(int64, int64) {}

func TestWriteAndUnpack(t *testing.T) {
	src := source(t)
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	told := int64(0)
	if _, err := Write(file, src, func(done, total int64) {
		if done < told || done > total {
			t.Errorf("progress went from %d to %d of %d", told, done, total)
		}
		told = done
	}); err != nil {
		t.Fatal(err)
	}
	if told == 0 {
		t.Error("no progress was told")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	dir := t.TempDir()
	m, err := Unpack(file, filepath.Join(dir, "x.db"), filepath.Join(dir, "files"), nothing)
	if err != nil || m.Version != "test" {
		t.Fatal(m, err)
	}
	for name, want := range map[string]string{"x.db": "database", "files/key": "secret", "files/ca.pem": "authority", "files/acme/account.pem": "account"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); string(b) != want || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "files")); err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}
}

// Cut or changed anywhere, a backup is not taken for whole.
func TestDamage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	if _, err := Write(file, source(t), nothing); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, b []byte) {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Unpack(file, filepath.Join(dir, "x.db"), filepath.Join(dir, "files"), nothing)
		if err == nil {
			got, _ := os.ReadFile(filepath.Join(dir, "x.db"))
			key, _ := os.ReadFile(filepath.Join(dir, "files/key"))
			if string(got) != "database" || string(key) != "secret" {
				t.Errorf("%s: unpacked %q and %q", what, got, key)
			}
		}
	}
	for n := 0; n < len(whole)-8; n += 7 { // behind that stands the checksum of the compression alone
		if _, err := os.Stat(file); err != nil {
			t.Fatal(err)
		}
		check("cut", whole[:n])
		changed := bytes.Clone(whole)
		changed[n] ^= 0x55
		check("changed", changed)
	}
	if err := os.WriteFile(file, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(file, filepath.Join(t.TempDir(), "x"), t.TempDir(), nothing); !errors.Is(err, errDamaged) {
		t.Errorf("half of it: %v", err)
	}
}

// Whatever its names say, an archive writes nowhere but into its folder.
func TestNamesThatLeadElsewhere(t *testing.T) {
	for _, h := range []tar.Header{
		{Name: "data/../../escaped"}, {Name: "/escaped"}, {Name: "escaped"}, {Name: "data//escaped"}, {Name: "data/"},
		{Name: "data/link", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, {Name: "data/large", Size: maxFile + 1},
	} {
		var b bytes.Buffer
		zip := gzip.NewWriter(&b)
		w := tar.NewWriter(zip)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		_ = w.Flush()
		zip.Close()
		root := t.TempDir()
		file := filepath.Join(root, "b.tar.gz")
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Unpack(file, filepath.Join(root, "x.db"), filepath.Join(root, "a", "b"), nothing); !errors.Is(err, errDamaged) {
			t.Errorf("%q: %v", h.Name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(root, "*")); len(left) != 1 {
			t.Errorf("%q wrote %v", h.Name, left)
		}
	}
}
