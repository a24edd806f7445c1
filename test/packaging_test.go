package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tandem/test/harness"
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

// What the image is made of is there, and its build command builds the server: Docker
// itself is on few machines that run this.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	steps := strings.Split(strings.ReplaceAll(string(text), "\\\n", " "), "\n")
	built := false
	for _, step := range steps {
		words := strings.Fields(step)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "FROM":
			if version, ok := strings.CutPrefix(words[1], "golang:"); ok && !strings.Contains(goMod(t), "\ngo "+version) {
				t.Errorf("%s: go.mod wants another", step)
			}
		case "COPY":
			sources := words[1 : len(words)-1]
			if strings.HasPrefix(sources[0], "--from=") {
				continue // of the stage before
			}
			for _, s := range sources {
				if _, err := os.Stat(filepath.Join("..", s)); err != nil {
					t.Errorf("%s: %v", step, err)
				}
			}
		case "RUN":
			if !strings.Contains(step, "go build") {
				continue
			}
			built = true
			build := exec.Command("bash", "-c", strings.Replace(strings.TrimPrefix(step, "RUN "), "go build", "go build -n", 1))
			build.Dir = ".."
			build.Env = append(os.Environ(), "VERSION=v1.2.3")
			out, err := build.CombinedOutput()
			set := regexp.MustCompile(`-X tandem/(\S+)\.(\w+)=v1\.2\.3 `).FindStringSubmatch(string(out))
			if err != nil || set == nil {
				t.Fatalf("%s: %v\n%s", step, err, out)
			}
			if !declares(t, filepath.Join("..", set[1]), "var "+set[2]+" string") {
				t.Errorf("%s: no version is set", step)
			}
		case "ENTRYPOINT":
			if !strings.Contains(step, `"/etc/tandem/tandem.yaml"`) {
				t.Errorf("%s does not read the file that was copied", step)
			}
		}
	}
	if !built {
		t.Error("no step builds the server")
	}
	if o := harness.Command(t, 2*harness.Patience, harness.Tandem(t), "config", "check", "-c", "../cmd/packaging/tandem.yaml"); o.Code != 0 || !strings.HasPrefix(o.Stdout, "ok:") {
		t.Errorf("the configuration copied: exit %d, %s%s", o.Code, o.Stdout, o.Stderr)
	}
}

// declares reports whether a file of a package has a line.
func declares(t *testing.T, dir, line string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(name string) bool {
		b, err := os.ReadFile(name)
		return err == nil && slices.Contains(strings.Split(string(b), "\n"), line)
	})
}

func goMod(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
