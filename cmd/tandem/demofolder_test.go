package main

import (
	"path/filepath"
	"testing"

	"tandem/cmd/tandem/config"
)

// The commands that demo --data prints find its data folder.
func TestDemoFolder(t *testing.T) {
	data := filepath.Join(t.TempDir(), "with space")
	file, err := namesFolder(data)
	if err != nil {
		t.Fatal(err)
	}
	if cfg, err := config.Load(file); err != nil || cfg.Data != data {
		t.Errorf("%q, %v", cfg.Data, err)
	}
}
