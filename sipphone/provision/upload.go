package provision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// maxUpload bounds a file that a phone sends. Each phone has as many as its
// family names, so all together are bounded, too.
const maxUpload = 2 << 20

// Put takes a file that a phone sends: logs, what was set at its keys, its own
// phonebook. size is -1 when it is not known.
func (d *Desk) Put(r Request, body io.Reader, size int64) error {
	start := time.Now()
	a, err := d.look(r)
	if err == nil {
		err = d.put(a, body, size)
	}
	d.log(a, "file taken from a phone", err, start)
	return err
}

func (d *Desk) put(a *asked, body io.Reader, size int64) error {
	if a.phone == nil {
		if a.mac != "" {
			return d.unknown(a)
		}
		return errNotFound
	}
	name, mac, ok := a.family.Upload(a.path)
	if !ok || mac != a.mac || d.cfg.Uploads == "" {
		return errNotFound
	}
	if err := d.prove(a); err != nil {
		return err
	}
	if size > maxUpload {
		return errTooLarge
	}
	if err := d.keep(a, name, body); err != nil {
		return err
	}
	d.note(a)
	return nil
}

// keep writes an upload beside the one before and then puts it in its place.
func (d *Desk) keep(a *asked, name string, body io.Reader) error {
	dir := filepath.Join(d.cfg.Uploads, string(a.mac))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return d.failed(a, err)
	}
	f, err := os.CreateTemp(dir, ".upload-")
	if err != nil {
		return d.failed(a, err)
	}
	n, err := io.Copy(f, io.LimitReader(body, maxUpload+1))
	err = errors.Join(err, f.Close())
	switch {
	case n > maxUpload:
		err = errTooLarge
	case err != nil:
		err = d.failed(a, err)
	default:
		if err = os.Rename(f.Name(), filepath.Join(dir, filepath.Base(name))); err == nil {
			return nil
		}
		err = d.failed(a, err)
	}
	_ = os.Remove(f.Name())
	return err
}

func (d *Desk) failed(a *asked, err error) error {
	d.cfg.Log.Error("keeping a file of a phone", "mac", a.mac, "err", err)
	return &refusal{http.StatusServiceUnavailable, "the file could not be kept; send it again"}
}

// extra gives what is not made of a template: the phonebook, and files that the
// phone sent before.
func (d *Desk) extra(ctx context.Context, a *asked) (*Document, error) {
	if d.cfg.Book != nil && a.isBook() {
		return d.book(ctx, a)
	}
	name, mac, ok := a.family.Upload(a.path)
	if !ok || mac != a.mac || d.cfg.Uploads == "" {
		return nil, nil
	}
	if err := d.prove(a); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(d.cfg.Uploads, string(a.mac), filepath.Base(name)))
	if err != nil {
		return nil, errNotFound
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, d.failed(a, fmt.Errorf("reading it: %w", err))
	}
	return &Document{ReadSeeker: f, Name: name, Type: "application/octet-stream", Changed: info.ModTime(), close: f.Close}, nil
}
