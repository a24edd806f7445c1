package peers

import (
	"fmt"
	"os/exec"
	"path/filepath"
)

// Build makes the server's binary below dir, with the race detector if asked.
func Build(dir string, race bool) (string, error) {
	out := filepath.Join(dir, "tandem")
	args := []string{"build", "-o", out}
	if race {
		args = append(args, "-race")
	}
	b, err := exec.Command("go", append(args, "tandem/cmd/tandem")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, b)
	}
	return out, nil
}
