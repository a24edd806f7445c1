// Package backup packs what a server must not lose into one file, and puts it
// back: the database, the key that belongs to it, and the certificates of the
// data folder. The file is a compressed tar archive; a manifest at its end has the
// size and the hash of every file in it, so that a file cut short is noticed.
//
// It does not copy a database that may be changing: it is given a snapshot.
package backup

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Names in an archive.
const (
	database = "tandem.db"
	manifest = "manifest.json"
	folder   = "data/" // what stands in the data folder
)

// format of the archive; a reader refuses one it does not know.
const format = 1

// maxFile is the most octets of a file of the data folder that is packed.
const maxFile = 16 << 20

// Manifest says what is in an archive.
type Manifest struct {
	Format  int       `json:"format"`
	Version string    `json:"version"` // of the program that made it
	Made    time.Time `json:"made"`
	Files   []File    `json:"files"`
}

// File is one file of an archive.
type File struct {
	Name   string `json:"name"`
	Octets int64  `json:"octets"`
	SHA256 string `json:"sha256"`
}

// Source is what is to be packed.
type Source struct {
	Data     string   // the data folder
	Database string   // a snapshot
	Leave    []string // prefixes of paths that are not packed: the database itself and what stands beside it
	Version  string
}

// Progress is told how many octets of how many are done.
type Progress func(done, total int64)

// Write packs a source into the file to, which is whole and on disk, or not there.
func Write(to string, src Source, progress Progress) (_ *Manifest, err error) {
	f, err := os.OpenFile(to+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to+".part"))
		}
	}()
	m, err := pack(f, src, progress)
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return m, os.Rename(to+".part", to)
}

func pack(w io.Writer, src Source, progress Progress) (*Manifest, error) {
	files, err := src.files()
	if err != nil {
		return nil, err
	}
	names := append([]string{database}, files...)
	m := &Manifest{Format: format, Version: src.Version, Made: time.Now().UTC().Truncate(time.Second)}
	total, done := int64(0), int64(0)
	for _, name := range names {
		info, err := os.Stat(src.path(name))
		if err != nil {
			return nil, err
		}
		total += info.Size()
	}
	zip, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(zip)
	for _, name := range names {
		file, err := add(t, name, src.path(name), func(n int64) { done += n; progress(done, total) })
		if err != nil {
			return nil, fmt.Errorf("packing %s: %w", name, err)
		}
		m.Files = append(m.Files, file)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	err = t.WriteHeader(&tar.Header{Name: manifest, Mode: 0o600, Size: int64(len(text)), ModTime: m.Made})
	if err == nil {
		_, err = t.Write(text)
	}
	return m, errors.Join(err, t.Close(), zip.Close())
}

func (src *Source) path(name string) string {
	if name == database {
		return src.Database
	}
	return filepath.Join(src.Data, filepath.FromSlash(strings.TrimPrefix(name, folder)))
}

// files of the data folder, by their names in the archive.
func (src *Source) files() (names []string, err error) {
	err = filepath.WalkDir(src.Data, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || src.left(p) {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() > maxFile {
			return err
		}
		rel, err := filepath.Rel(src.Data, p)
		names = append(names, folder+filepath.ToSlash(rel))
		return err
	})
	return names, err
}

func (src *Source) left(p string) bool {
	for _, prefix := range append(src.Leave, src.Database) {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	return strings.HasSuffix(p, ".old") || strings.HasSuffix(p, ".new") || strings.HasSuffix(p, ".part")
}

// add packs one file. Its size is that of the moment it is opened.
func add(t *tar.Writer, name, from string, wrote func(int64)) (File, error) {
	f, err := os.Open(from)
	if err != nil {
		return File{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return File{}, err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime()}); err != nil {
		return File{}, err
	}
	sum := sha256.New()
	n, err := io.Copy(&counter{t, sum, wrote}, io.LimitReader(f, info.Size()))
	return File{name, n, hex.EncodeToString(sum.Sum(nil))}, err
}

// counter hashes and counts what goes through it.
type counter struct {
	to    io.Writer
	sum   hash.Hash
	wrote func(int64)
}

// Write implements io.Writer.
func (c *counter) Write(b []byte) (int, error) {
	c.sum.Write(b)
	n, err := c.to.Write(b)
	c.wrote(int64(n))
	return n, err
}

// errDamaged is the error of a file that is no whole backup.
var errDamaged = errors.New("the file is not a complete backup: use another copy of it, or an older one")

// maxManifest bounds the octets of a manifest.
const maxManifest = 4 << 20

// Unpack writes the database of an archive to the file db and the files of the
// data folder below dir, and compares all with the manifest. What it writes is
// on disk when it returns, and of no use after an error.
func Unpack(from, db, dir string, progress Progress) (*Manifest, error) {
	f, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	read := int64(0)
	zip, err := gzip.NewReader(io.TeeReader(f, counting(func(n int64) { read += n; progress(read, info.Size()) })))
	if err != nil {
		return nil, fmt.Errorf("%w [%w]", errDamaged, err)
	}
	found := make(map[string]File)
	for t := tar.NewReader(zip); ; {
		h, err := t.Next()
		if err != nil { // also when the end comes before the manifest
			return nil, fmt.Errorf("%w [%w]", errDamaged, err)
		}
		if h.Name == manifest {
			return readManifest(t, found)
		}
		to := db
		if h.Name != database {
			rel, ok := strings.CutPrefix(h.Name, folder)
			if !ok || !filepath.IsLocal(filepath.FromSlash(rel)) || path.Clean(rel) != rel || h.Typeflag != tar.TypeReg || h.Size > maxFile {
				return nil, fmt.Errorf("%w [%q does not belong in it]", errDamaged, h.Name)
			}
			to = filepath.Join(dir, filepath.FromSlash(rel))
		}
		if _, twice := found[h.Name]; twice {
			return nil, fmt.Errorf("%w [%q is twice in it]", errDamaged, h.Name)
		}
		if found[h.Name], err = unpack(t, h, to); err != nil {
			return nil, fmt.Errorf("unpacking %s: %w", h.Name, err)
		}
	}
}

func unpack(t *tar.Reader, h *tar.Header, to string) (File, error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return File{}, err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return File{}, err
	}
	sum := sha256.New()
	n, err := io.Copy(&counter{f, sum, func(int64) {}}, t)
	if err != nil {
		err = fmt.Errorf("%w [%w]", errDamaged, err)
	}
	return File{h.Name, n, hex.EncodeToString(sum.Sum(nil))}, errors.Join(err, f.Sync(), f.Close())
}

func readManifest(r io.Reader, found map[string]File) (*Manifest, error) {
	m := new(Manifest)
	if err := json.NewDecoder(io.LimitReader(r, maxManifest)).Decode(m); err != nil {
		return nil, fmt.Errorf("%w [%w]", errDamaged, err)
	}
	if m.Format != format {
		return nil, fmt.Errorf("the backup was made by version %s in format %d, which this program does not know: restore it with that program", m.Version, m.Format)
	}
	for _, want := range m.Files {
		if found[want.Name] != want {
			return nil, fmt.Errorf("%w [%s has changed since it was packed]", errDamaged, want.Name)
		}
		delete(found, want.Name)
	}
	for name := range found {
		return nil, fmt.Errorf("%w [%s is not in its manifest]", errDamaged, name)
	}
	return m, nil
}

// counting is a writer that only counts.
type counting func(int64)

// Write implements io.Writer.
func (c counting) Write(b []byte) (int, error) { c(int64(len(b))); return len(b), nil }
