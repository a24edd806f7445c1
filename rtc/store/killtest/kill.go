// Package killtest tries that what a store has acknowledged survives a kill.
package killtest

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// Variables of the environment that the test binary finds when it is the child
// of Writer: the file to write to, and the first number.
const (
	Path = "TANDEM_STORE_WRITER"
	From = "TANDEM_STORE_FROM"
)

// Writer starts the test binary again as a writer, which prints a number in
// a line for each change that is acknowledged. It kills the writer after least
// of them, and returns those that it has read.
func Writer(t *testing.T, path string, from, least int) (acked []int) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), Path+"="+path, From+"="+strconv.Itoa(from))
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			break // cut in the middle by the kill
		}
		acked = append(acked, n)
		if len(acked) == least {
			_ = child.Process.Kill()
		}
	}
	_ = child.Wait()
	if len(acked) < least {
		t.Fatalf("the writer ended after %d", len(acked))
	}
	return acked[:len(acked)-1] // the last line may be a cut number
}
