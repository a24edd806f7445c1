// Package output says, as data, how requests to the phones of a family are
// written: what they refuse and what they misread. It counts for registrations of
// phones of ours alone; everybody else's messages leave as they came.
//
// A file output.yaml beside the operator's templates changes single entries. The
// package decides nothing: who sends asks it.
package output

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
)

// Summary is the form of a message summary (RFC 3842): how its counts reach the phone.
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

// Reliable is what becomes of the offer of reliable provisional responses.
type Reliable string

// What becomes of it.
const (
	Offer Reliable = "offer" // it passes on
	Strip Reliable = "strip" // 100rel is taken out of Supported (RFC 3262)
)

// Display is how a phone is told in mid-call whom it speaks with now.
type Display string

// The ways of telling.
const (
	Reinvite Display = "reinvite" // by a new offer
	Update   Display = "update"   // by UPDATE without one (RFC 3311), where the phone allows UPDATE
	Never    Display = "never"    // not at all, unless the sound needs a new offer
)

// Lamp is the form of dialog information (RFC 4235).
type Lamp string

// The forms.
const (
	Always Lamp = "always" // of a line that does nothing a dialog that is terminated
	Empty  Lamp = "empty"  // of such a line no dialog
	Single Lamp = "single" // the same, and of several calls the most urgent alone
)

// SDP is how a session description is passed on.
type SDP string

// The ways.
const (
	Keep  SDP = "keep"  // as it came
	Order SDP = "order" // its lines in the order of RFC 8866 §5, rtpmap before fmtp
)

// Digest is which algorithms a phone is offered in a challenge.
type Digest string

// The offers.
const (
	Any Digest = "any"
	MD5 Digest = "md5" // MD5 alone, for phones that stumble over a second challenge
)

// Features is how a phone is told of do-not-disturb and forwarding that were set
// elsewhere.
type Features string

// The ways.
const (
	Subscribed Features = "subscribed" // to whoever subscribes to as-feature-event
	RemoteCC   Features = "remotecc"   // by REFER, in Cisco's own documents; it publishes do-not-disturb
)

// Policy of a family.
type Policy struct {
	MWI          Summary  `yaml:"mwi"`
	Unsolicited  bool     `yaml:"unsolicited"` // it takes message summaries it has not subscribed to
	Caller       Caller   `yaml:"caller"`
	Reliable     Reliable `yaml:"reliable"`
	Display      Display  `yaml:"display"`
	Lamp         Lamp     `yaml:"lamp"`
	SDP          SDP      `yaml:"sdp"`
	CompactAbove int      `yaml:"compact_above"` // octets: what is larger over UDP gets compact header names (RFC 3261 §7.3.3); 0: nothing does
	Digest       Digest   `yaml:"digest"`
	Features     Features `yaml:"features"`
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
	if err := p.check(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
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

// check names the first field with a word that it does not know.
func (p Policy) check() error {
	if p.CompactAbove < 0 || p.CompactAbove > 65535 {
		return fmt.Errorf("compact_above %d is no size of a message; use 0 to 65535", p.CompactAbove)
	}
	return cmp.Or(known("mwi", p.MWI, Full, Plain), known("caller", p.Caller, Asserted, Remote, From), known("reliable", p.Reliable, Offer, Strip),
		known("display", p.Display, Reinvite, Update, Never), known("lamp", p.Lamp, Always, Empty, Single), known("sdp", p.SDP, Keep, Order),
		known("digest", p.Digest, Any, MD5), known("features", p.Features, Subscribed, RemoteCC))
}

func known[T ~string](field string, v T, words ...T) error {
	if slices.Contains(words, v) {
		return nil
	}
	return fmt.Errorf("%s %q is unknown; use one of %q", field, v, words)
}
