package provision

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"tandem/sipphone/family"
)

// TestOneFileOpened: a file that lies in the folder and in that of a model's firmware is
// opened once, and closed with the document.
func TestOneFileOpened(t *testing.T) {
	folder := t.TempDir()
	model := filepath.Join(folder, FirmwareFolder, "T1")
	if err := os.MkdirAll(model, 0o700); err != nil {
		t.Fatal(err)
	}
	for dir, text := range map[string]string{folder: "plain", model: "firmware"} {
		if err := os.WriteFile(filepath.Join(dir, "a.rom"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := New(Config{Files: folder, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Place: func() *family.Place { return &family.Place{Firmware: map[string][]string{"T1": {"a.rom"}}} }})
	if err != nil {
		t.Fatal(err)
	}
	opened := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := opened()
	doc, err := d.file(&asked{Request: Request{From: netip.MustParseAddr("127.0.0.1")}, path: "a.rom"})
	if err != nil {
		t.Fatal(err)
	}
	if n := opened() - before; n != 1 {
		t.Errorf("%d files are open", n)
	}
	if err := doc.Close(); err != nil {
		t.Fatal(err)
	}
}
