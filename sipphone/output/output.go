// Package output says, as data, how requests to the phones of a family are
// written: what they refuse and what they misread. It counts for registrations of
// phones of ours alone; everybody else's messages leave as they came.
//
// A file output.yaml beside the operator's templates changes single entries. The
// package decides nothing: who sends asks it.
package output

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
)

// Summary is the form of a message summary (RFC 3842).
type Summary string

// The forms.
const (
	Full  Summary = "full"  // Voice-Message: 1/2 (0/0)
	Plain Summary = "plain" // Voice-Message: 1/2
)

// Caller is the header that tells a phone who calls.
type Caller string

// The headers.
const (
	Asserted Caller = "asserted" // P-Asserted-Identity (RFC 3325)
	Remote   Caller = "remote"   // Remote-Party-ID with party, privacy and screen
	From     Caller = "from"     // neither: From tells it
)

// Policy of a family.
type Policy struct {
	MWI         Summary `yaml:"mwi"`
	Unsolicited bool    `yaml:"unsolicited"` // it takes message summaries it has not subscribed to
	Caller      Caller  `yaml:"caller"`
}

//go:embed policies.yaml
var embedded []byte

// Set is the policies of all families at one moment. It never changes.
type Set struct{ byFamily map[string]Policy }

// Load reads the embedded policies and those of the file output.yaml in a folder,
// which need not be there.
func Load(dir string) (*Set, error) {
	s, err := read(embedded, &Set{byFamily: map[string]Policy{"": {}}})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "output.yaml")
	own, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		var changed *Set
		if changed, err = read(own, s); err == nil {
			return changed, nil
		}
	}
	return s, fmt.Errorf("reading %s: %w; the policies of before stay in use", path, err)
}

// read lays entries over those of before.
func read(text []byte, before *Set) (*Set, error) {
	var entries map[string]yaml.MapSlice
	if err := yaml.Unmarshal(text, &entries); err != nil {
		return nil, err
	}
	s := &Set{byFamily: make(map[string]Policy)}
	for name, p := range before.byFamily {
		s.byFamily[name] = p
	}
	if err := s.lay("", entries["default"]); err != nil {
		return nil, err
	}
	for name, entry := range entries {
		if name == "default" {
			continue
		}
		if err := s.lay(name, entry); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Set) lay(name string, entry yaml.MapSlice) error {
	p := s.Of(name)
	b, err := yaml.Marshal(entry)
	if err != nil {
		return err
	}
	if len(entry) > 0 {
		if err := yaml.UnmarshalWithOptions(b, &p, yaml.Strict()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	switch {
	case p.MWI != Full && p.MWI != Plain:
		return fmt.Errorf("%s: mwi %q is unknown; use full or plain", name, p.MWI)
	case p.Caller != Asserted && p.Caller != Remote && p.Caller != From:
		return fmt.Errorf("%s: caller %q is unknown; use asserted, remote or from", name, p.Caller)
	}
	s.byFamily[name] = p
	return nil
}

// Of is the policy of a family; one it does not know has the default.
func (s *Set) Of(family string) Policy {
	if p, ok := s.byFamily[family]; ok {
		return p
	}
	return s.byFamily[""]
}
