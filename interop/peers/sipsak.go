package peers

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"

	"tandem/interop/process"
)

// Sipsak runs sipsak against a UDP port of loopback and returns what it prints. The
// error says that the server has not done what sipsak wants, or that there is no sipsak.
// Of a user's address it writes the host of target, without a port, so target is one at
// 127.0.0.1.
func Sipsak(ctx context.Context, server int, target string, args ...string) (string, error) {
	path, err := process.Find("sipsak")
	if err != nil {
		return "", err
	}
	args = append([]string{"-v", "-r", strconv.Itoa(server), "-s", target}, args...)
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("sipsak %v: %w", args, err)
	}
	return string(out), nil
}
