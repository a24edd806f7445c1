package phones

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"tandem/interop/process"
	"tandem/interop/story"
)

// Programs are those that Start knows, by their names.
var Programs = []string{"baresip", "linphonec", "jssip"}

// refuses are the codes by which they refuse calls.
var refuses = map[string]int{"baresip": 486, "linphonec": 603, "jssip": 480}

// Missing says what of a program is not on this machine, "" for nothing.
func Missing(kind string) string {
	program := kind
	if kind == "jssip" {
		if _, err := modules(); err != nil {
			return err.Error()
		}
		program = "chromium"
	}
	if _, err := process.Find(program); err != nil {
		return program + " is not installed on this machine"
	}
	return ""
}

// Start starts a program below dir, with an account. It says the file say in calls.
func Start(ctx context.Context, kind, dir string, a Account, say string) (Phone, error) {
	switch kind {
	case "baresip":
		return StartBaresip(ctx, dir, a, say)
	case "linphonec":
		return StartLinphone(ctx, dir, a, say)
	case "jssip":
		return startJsSIP(ctx, dir, a, say)
	}
	return nil, fmt.Errorf("no program %q is known", kind)
}

// StartParty starts a program below dir that plays in stories and says a tone, Hz.
func StartParty(ctx context.Context, kind, dir string, a Account, tone float64) (*Party, error) {
	file, starts := filepath.Join(dir, "say.wav"), 0
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := Tone(file, tone, story.Level, time.Minute); err != nil {
		return nil, err
	}
	a.Codec = PCMU // what is recorded is 8000 Hz then, whatever the program is
	return play(ctx, Made{Kind: kind, Address: a.AOR(), Tone: tone, Refuses: refuses[kind], Start: func(ctx context.Context) (Phone, error) {
		starts++
		return Start(ctx, kind, filepath.Join(dir, fmt.Sprint(starts)), a, file)
	}})
}
