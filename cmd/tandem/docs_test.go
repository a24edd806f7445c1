package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// documents are all texts of the project, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/adr/*.md", "../../*/README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			docs[f] = string(b)
		}
	}
	if len(docs) < 10 {
		t.Fatalf("only %d documents found", len(docs))
	}
	return docs
}

var (
	inline = regexp.MustCompile("`([^`\n]+)`")
	words  = regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`)
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// commandLines are the arguments of every tandem command a text shows, in code
// blocks and in code within a sentence.
func commandLines(text string) [][]string {
	var lines [][]string
	add := func(code string) {
		code = strings.TrimPrefix(strings.TrimSpace(code), "$ ")
		code = strings.TrimPrefix(code, "sudo -u tandem ")
		code = strings.TrimPrefix(code, "sudo ")
		code = strings.TrimPrefix(code, "./")
		code = strings.TrimPrefix(code, "bin/")
		code, _, _ = strings.Cut(code, " #")
		rest, ok := strings.CutPrefix(code, "tandem ")
		if !ok || strings.Contains(rest, "…") || strings.HasPrefix(rest, "[") {
			return
		}
		var args []string
		for _, w := range words.FindAllString(rest, -1) {
			if strings.ContainsAny(w[:1], "|<>&;") {
				break
			}
			args = append(args, strings.Trim(w, `"'`))
		}
		lines = append(lines, args)
	}
	fenced := false
	for l := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(strings.TrimSpace(l), "```"):
			fenced = !fenced
		case fenced || strings.HasPrefix(l, "    "):
			add(l)
		default:
			for _, m := range inline.FindAllStringSubmatch(l, -1) {
				add(m[1])
			}
		}
	}
	return lines
}

// TestDocs keeps the documents true: commands exist with their flags, links lead
// somewhere, and the changelog has a place for what comes.
func TestDocs(t *testing.T) {
	count := 0
	for file, text := range documents(t) {
		for _, args := range commandLines(text) {
			count++
			c, rest, err := newRootCommand().Find(args)
			if err == nil {
				err = c.ParseFlags(rest)
			}
			if errors.Is(err, pflag.ErrHelp) {
				continue // --help is a flag of every command
			}
			if err != nil {
				t.Errorf("%s: tandem %s: %v", file, strings.Join(args, " "), err)
			} else if c.HasSubCommands() && len(c.Flags().Args()) > 0 {
				t.Errorf("%s: tandem %s: no such verb", file, strings.Join(args, " "))
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			to, _, _ := strings.Cut(m[1], "#")
			if to == "" || strings.Contains(to, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), to)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", file, to)
			}
		}
	}
	if count < 50 {
		t.Errorf("only %d command lines found; are they still read?", count)
	}
	if !strings.Contains(documents(t)["../../CHANGELOG.md"], "\n## Unreleased\n") {
		t.Error("CHANGELOG.md has no section Unreleased")
	}
}
