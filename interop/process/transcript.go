package process

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// maxLine bounds what is kept of a line.
const maxLine = 64 << 10

// Transcript keeps the lines a program wrote, and lets others wait for some.
// The zero value is ready.
type Transcript struct {
	mu    sync.Mutex
	rest  []byte
	lines []string
	grown chan struct{} // closed when lines grow or the program ends
	over  bool
}

// Write implements io.Writer.
func (t *Transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = append(t.rest, b...)
	for {
		i := bytes.IndexByte(t.rest, '\n')
		if i < 0 {
			if len(t.rest) > maxLine {
				i = maxLine
				t.add(string(t.rest[:i]))
				t.rest = t.rest[i:]
				continue
			}
			break
		}
		t.add(strings.TrimRight(string(t.rest[:i]), "\r"))
		t.rest = t.rest[i+1:]
	}
	return len(b), nil
}

func (t *Transcript) add(line string) {
	t.lines = append(t.lines, line)
	t.wake()
}

func (t *Transcript) wake() {
	if t.grown != nil {
		close(t.grown)
		t.grown = nil
	}
}

// End says that nothing more will come.
func (t *Transcript) End() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rest) > 0 {
		t.add(string(t.rest))
		t.rest = nil
	}
	t.over = true
	t.wake()
}

// Len is how many lines there are: a mark from which to wait.
func (t *Transcript) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.lines)
}

// Since are the lines from mark on.
func (t *Transcript) Since(mark int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines[min(mark, len(t.lines)):])
}

// Wait returns the parts (regexp.FindStringSubmatch) of the first line from
// mark on that matches, and the mark behind it.
func (t *Transcript) Wait(ctx context.Context, mark int, re *regexp.Regexp) (parts []string, next int, err error) {
	for {
		t.mu.Lock()
		for ; mark < len(t.lines); mark++ {
			if m := re.FindStringSubmatch(t.lines[mark]); m != nil {
				t.mu.Unlock()
				return m, mark + 1, nil
			}
		}
		if t.over {
			t.mu.Unlock()
			return nil, mark, fmt.Errorf("ended without a line like %s", re)
		}
		if t.grown == nil {
			t.grown = make(chan struct{})
		}
		grown := t.grown
		t.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, mark, fmt.Errorf("no line like %s: %w", re, ctx.Err())
		}
	}
}

// Count is how many lines match.
func (t *Transcript) Count(re *regexp.Regexp) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, l := range t.lines {
		if re.MatchString(l) {
			n++
		}
	}
	return n
}

// Tail is the last n lines.
func (t *Transcript) Tail(n int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines[max(0, len(t.lines)-n):], "\n")
}
