// Package speech makes the content of R2HC requests into sound files: text is spoken
// by espeak-ng where that is installed, WAV files are fetched.
package speech

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"tandem/pint"
	"tandem/pint/fetch"
)

// Config of a Voice.
type Config struct {
	Program string // path of espeak-ng; "" = as installed, if it is
	Fetch   *fetch.Fetcher
	AtOnce  int // texts spoken at a time; default 2
}

// Voice implements executive.Sounds.
type Voice struct {
	cfg   Config
	turns chan struct{}
}

// Bounds of what is spoken.
const (
	maxText  = 10_000 // octets
	maxSpeak = 20 * time.Second
)

// New makes a Voice. Without espeak-ng it plays recordings alone.
func New(cfg Config) *Voice {
	if cfg.Program == "" {
		cfg.Program, _ = exec.LookPath("espeak-ng")
	}
	if cfg.AtOnce <= 0 {
		cfg.AtOnce = 2
	}
	return &Voice{cfg: cfg, turns: make(chan struct{}, cfg.AtOnce)}
}

// Can implements executive.Sounds.
func (v *Voice) Can(c pint.Content) error {
	switch {
	case c.URI == "" && len(c.Part) == 0:
		return pint.Refuse(501, "content that only the telephone side has (opr:) is not known here")
	case c.URI != "":
		if err := v.cfg.Fetch.Check(c.URI); err != nil {
			return pint.Refuse(606, "%v", err)
		}
		return nil // its type shows when it is fetched
	}
	return v.fits(c.Media, c.Part)
}

// fits reports whether content of a type can be heard.
func (v *Voice) fits(media string, content []byte) error {
	switch {
	case wav(content):
		return nil
	case media != "text/plain" && media != "":
		return &pint.Refusal{Code: 415, Warn: 305, Text: fmt.Sprintf("Incompatible media format: %.40s: text/plain and audio/wav can be heard", media)}
	case v.cfg.Program == "":
		return pint.Refuse(501, "this server cannot speak: install espeak-ng, or name a WAV file")
	case len(content) > maxText:
		return &pint.Refusal{Code: 413, Text: fmt.Sprintf("the text has more than %d octets", maxText)}
	case !utf8.Valid(content) || len(bytes.TrimSpace(content)) == 0:
		return pint.Refuse(400, "the text is empty or is not UTF-8")
	}
	return nil
}

func wav(b []byte) bool {
	return len(b) > 44 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WAVE"
}

// Make implements executive.Sounds.
func (v *Voice) Make(ctx context.Context, list []pint.Content, language string) (files []string, done func(), err error) {
	dir, err := os.MkdirTemp("", "tandem-pint-")
	if err != nil {
		return nil, nil, fmt.Errorf("making a folder for sounds: %w", err)
	}
	done = func() { _ = os.RemoveAll(dir) } // what stays is in the folder for temporary files
	for i, c := range list {
		file := filepath.Join(dir, fmt.Sprintf("%d.wav", i))
		if err := v.make(ctx, c, language, file); err != nil {
			done()
			return nil, nil, err
		}
		files = append(files, file)
	}
	return files, done, nil
}

func (v *Voice) make(ctx context.Context, c pint.Content, language, file string) error {
	content, media := c.Part, c.Media
	if c.URI != "" {
		var err error
		if media, content, err = v.cfg.Fetch.Get(ctx, c.URI); err != nil {
			code := 502
			if errors.Is(err, fetch.ErrForbidden) {
				code = 606
			}
			return pint.Refuse(code, "%v", err)
		}
	}
	if err := v.fits(media, content); err != nil {
		return err
	}
	if wav(content) {
		return os.WriteFile(file, content, 0o600)
	}
	return v.speak(ctx, content, language, file)
}

// tag is a language as BCP 47 writes it; nothing else comes near a command line.
var tag = regexp.MustCompile(`^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{1,8}){0,2}$`)

// speak has espeak-ng write a file.
func (v *Voice) speak(ctx context.Context, text []byte, language, file string) error {
	select {
	case v.turns <- struct{}{}:
		defer func() { <-v.turns }()
	case <-ctx.Done():
		return pint.Refuse(503, "too many texts are being spoken")
	}
	ctx, stop := context.WithTimeout(ctx, maxSpeak)
	defer stop()
	args := []string{"-w", file, "--stdin"}
	if tag.MatchString(language) {
		args = append(args, "-v", strings.ToLower(language))
	}
	c := exec.CommandContext(ctx, v.cfg.Program, args...)
	c.Stdin = bytes.NewReader(text)
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Run(); err != nil {
		return pint.Refuse(502, "espeak-ng failed: %v %.120s", err, strings.TrimSpace(said.String()))
	}
	if b, err := os.ReadFile(file); err != nil || !wav(b) {
		return pint.Refuse(502, "espeak-ng wrote no sound")
	}
	return nil
}
