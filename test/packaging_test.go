package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The unit keeps the server in a sandbox, as systemd itself judges: 10 is none.
func TestUnitIsSandboxed(t *testing.T) {
	for _, unit := range []string{"tandem.service", "tandem-media.service"} {
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "../cmd/packaging/"+unit).CombinedOutput()
		m := regexp.MustCompile(`exposure level for ` + unit + `: ([0-9.]+)`).FindSubmatch(out)
		if m == nil {
			t.Fatalf("systemd-analyze (Debian: systemd): %v\n%s", err, out)
		}
		if level, err := strconv.ParseFloat(string(m[1]), 64); err != nil || level >= 3 {
			t.Errorf("%s: exposure %s, want less than 3.0", unit, m[1])
		}
	}
}

// The package has what the guide says it has.
func TestDebianPackage(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "tandem")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("../cmd/packaging/deb.sh")
	if err != nil {
		t.Fatal(err)
	}
	pack := exec.Command(script, binary, "v1.2.3-4-gabcdef")
	pack.Dir = dir
	name, err := pack.Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, strings.TrimSpace(string(name)))
	list, err := exec.Command("dpkg-deb", "-c", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"./usr/bin/tandem", "./lib/systemd/system/tandem.service", "./etc/tandem/tandem.yaml"} {
		if !strings.Contains(string(list), want) {
			t.Errorf("%s is not in\n%s", want, list)
		}
	}
	control, err := exec.Command("dpkg-deb", "-f", file, "Version").Output()
	if err != nil || strings.TrimSpace(string(control)) != "1.2.3.4.gabcdef" {
		t.Errorf("version %q, %v", control, err)
	}
	scripts := filepath.Join(dir, "control")
	if out, err := exec.Command("dpkg-deb", "-e", file, scripts).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	post, err := os.ReadFile(filepath.Join(scripts, "postinst"))
	if err != nil || !strings.Contains(string(post), "adduser --system") {
		t.Errorf("postinst makes no user: %v", err)
	}
}
