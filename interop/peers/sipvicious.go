package peers

import (
	"context"
	"fmt"
	"strconv"

	"tandem/interop/process"
)

// quiet is how many seconds without an answer end a tool.
const quiet = "2"

// Svmap looks for SIP servers at a UDP port and returns what it prints.
func Svmap(ctx context.Context, dir string, server int) (string, error) {
	return vicious(ctx, dir, "svmap", "-t", "0.5", "-p", strconv.Itoa(server), "127.0.0.1")
}

// Svwar looks for users by method among the names in a dictionary's file.
func Svwar(ctx context.Context, dir string, server int, method, dictionary string) (string, error) {
	return vicious(ctx, dir, "svwar", "--force", "--maximumtime", quiet, "-p", strconv.Itoa(server), "-m", method, "-d", dictionary, "--domain", Domain, "127.0.0.1")
}

// Svcrack guesses a user's password from a dictionary's file.
func Svcrack(ctx context.Context, dir string, server int, user, dictionary string) (string, error) {
	return vicious(ctx, dir, "svcrack", "--maximumtime", quiet, "-p", strconv.Itoa(server), "-u", user, "-d", dictionary, "--domain", Domain, "127.0.0.1")
}

// vicious runs one of the tools. They tell of findings by their output; the exit
// code says nothing.
func vicious(ctx context.Context, dir, name string, args ...string) (string, error) {
	path, err := process.Find(name)
	if err != nil {
		return "", err
	}
	// From 5060, their default, they would take up what is meant for others.
	local, err := process.Port()
	if err != nil {
		return "", err
	}
	args = append([]string{"-P", strconv.Itoa(local)}, args...)
	p, err := process.Start(process.Command{Path: path, Args: args, Dir: dir, Env: []string{"HOME=" + dir, "COLUMNS=200"}})
	if err != nil {
		return "", err
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		p.Kill()
		return p.Out.Tail(1 << 20), fmt.Errorf("%s does not end: %w\n%s", name, ctx.Err(), p.Out.Tail(20))
	}
	return p.Out.Tail(1 << 20), nil
}
