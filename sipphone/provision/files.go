package provision

import (
	"bytes"
	"encoding/pem"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// file gives one of the folder of files: firmware, ring tones.
func (d *Desk) file(a *asked) (*Document, error) {
	if err := d.admit(a); err != nil {
		return nil, err
	}
	if doc := d.authority(a); doc != nil {
		return doc, nil
	}
	if d.files != nil {
		doc := d.open(a.path)
		if doc == nil {
			doc = d.firmware(a.path)
		}
		if doc != nil {
			d.note(a)
			return doc, nil
		}
	}
	if a.phone == nil {
		d.guard.Strike(a.From, "path "+a.path)
	}
	return nil, errNotFound
}

// authority is the certificate of the CA that phones are to trust, nil for another file.
// Those that come by old TLS know no other algorithm than that CA's.
func (d *Desk) authority(a *asked) *Document {
	place := d.cfg.Place()
	text := place.CA
	if a.Way == OldTLS || a.family != nil && a.family.OldTLS && place.OldCA != "" {
		text = place.OldCA
	}
	switch {
	case text == "":
	case a.path == "ca.pem":
		return &Document{ReadSeeker: strings.NewReader(text), Name: a.path, Type: "application/x-pem-file"}
	case a.path == "ca.der":
		if block, _ := pem.Decode([]byte(text)); block != nil {
			return &Document{ReadSeeker: bytes.NewReader(block.Bytes), Name: a.path, Type: "application/x-x509-ca-cert"}
		}
	}
	return nil
}

// firmware opens a file of the firmware of any model, nil for none: phones ask for it by
// its name alone.
func (d *Desk) firmware(name string) *Document {
	if strings.Contains(name, "/") {
		return nil
	}
	files := d.cfg.Place().Firmware
	for _, model := range slices.Sorted(maps.Keys(files)) {
		if slices.Contains(files[model], name) {
			return d.open(FirmwareFolder + "/" + model + "/" + name)
		}
	}
	return nil
}

// FirmwareFolder is where firmware lies in the folder of files, in a folder for each model.
const FirmwareFolder = "firmware"

// open opens a regular file of the folder; the operating system sees that the
// path does not lead out of it.
func (d *Desk) open(name string) *Document {
	f, err := d.files.Open(filepath.FromSlash(name))
	if err != nil {
		return nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		return nil
	}
	return &Document{ReadSeeker: f, Name: name, Type: "application/octet-stream", Changed: info.ModTime(), close: f.Close}
}
