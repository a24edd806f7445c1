package test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"tandem/test/harness"
)

// TestWorkedExample follows docs/moving.md word by word, but for the two ports, which
// may be taken here, and has its calls.
func TestWorkedExample(t *testing.T) {
	t.Parallel() // it waits for programs
	page, err := os.ReadFile("../docs/moving.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "## A worked example")
	example, _, _ = strings.Cut(example, "\n## ")
	script := "set -e\n"
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(example, -1) {
		script += block[1]
	}
	for _, port := range []string{"25060", "25080"} {
		if !strings.Contains(script, port) {
			t.Fatalf("port %s is not in the example", port)
		}
		script = strings.ReplaceAll(script, port, fmt.Sprint(harness.FreePort(t)))
	}
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	shell := exec.CommandContext(ctx, "bash", "-c", script)
	shell.Dir, shell.Stdout, shell.Stderr = dir, out, out
	shell.Env = append(os.Environ(), "PATH="+filepath.Dir(harness.Tandem(t))+":"+os.Getenv("PATH"))
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with what it leaves running
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	err = shell.Run()
	_ = syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) // all has been seen
	b, readErr := os.ReadFile(out.Name())
	if err != nil || readErr != nil {
		t.Fatalf("%v, %v\n%s", err, readErr, b)
	}
	text := string(b)
	if n := len(regexp.MustCompile(`tones +440 Hz`).FindAllString(text, -1)); n != 2 {
		t.Errorf("%d calls heard the tone back, want 2", n)
	}
	for _, want := range []string{`sip:bob@example\.com +completed`, `\+49309876543 +provider +completed`, `INVITE sip:\+49`} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("%q is not shown", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}
