package sipphone

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tandem/rtc"
)

// Errors of changes. What is returned wraps one of them and names the remedy.
var (
	ErrUnknown = errors.New("no such phone")
	ErrExists  = errors.New("phone exists already")
	ErrInvalid = errors.New("not allowed")
	ErrTooMany = errors.New("too many")
)

// Bounds of one phone and of all.
const (
	MaxPhones   = 50000
	MaxLines    = 16
	MaxKeys     = 128
	MaxSettings = 64
	maxText     = 128 // octets of a label or a setting
)

// Phone is a desk phone as the administrator wants it.
type Phone struct {
	MAC        MAC               `json:"mac"`
	Family     string            `json:"family"` // which files it asks for, see package family
	Model      string            `json:"model,omitempty"`
	Label      string            `json:"label,omitempty"`
	Site       string            `json:"site,omitempty"`
	Timezone   string            `json:"timezone,omitempty"` // IANA name; "" is that of the server's configuration
	Language   string            `json:"language,omitempty"` // two letters; "" the same
	Generation int               `json:"generation"`         // of its secrets: a new one makes the old ones worthless
	Lines      []Line            `json:"lines,omitempty"`
	Keys       []Key             `json:"keys,omitempty"`
	Settings   map[string]string `json:"settings,omitempty"` // further ones that templates of its family read
	Window     time.Time         `json:"window,omitzero"`    // until then files are given without credentials
	Guest      []Line            `json:"guest,omitempty"`    // its own lines, while somebody else is logged in
	Created    time.Time         `json:"created"`
	Changed    time.Time         `json:"changed"`
}

// Line is a line key of a phone: whom it registers as.
type Line struct {
	User   rtc.AOR `json:"user"`
	Label  string  `json:"label,omitempty"` // on the display; "" is the user's name
	Shared bool    `json:"shared,omitempty"`
}

// KeyKind is what a programmable key does.
type KeyKind string

// The kinds of keys.
const (
	KeySpeedDial KeyKind = "dial"     // calls Target
	KeyLamp      KeyKind = "lamp"     // shows whether Target is on the phone; calls it, picks up when it rings
	KeyPark      KeyKind = "park"     // parks on, and takes from, the place Target
	KeyIntercom  KeyKind = "intercom" // calls Target, who answers at once
	KeyPaging    KeyKind = "paging"   // the same to a group
)

// KeyKinds are all of them.
var KeyKinds = []KeyKind{KeySpeedDial, KeyLamp, KeyPark, KeyIntercom, KeyPaging}

// Key is a programmable key beside the lines.
type Key struct {
	Kind   KeyKind `json:"kind"`
	Target string  `json:"target"` // a number or the user part of an address
	Label  string  `json:"label,omitempty"`
}

// Check reports what is wrong with a phone, apart from its family and its users.
func (p *Phone) Check() error {
	if _, err := ParseMAC(string(p.MAC)); err != nil {
		return err
	}
	switch {
	case len(p.Lines) > MaxLines:
		return fmt.Errorf("%w lines: a phone has at most %d", ErrTooMany, MaxLines)
	case len(p.Keys) > MaxKeys:
		return fmt.Errorf("%w keys: a phone has at most %d", ErrTooMany, MaxKeys)
	case len(p.Settings) > MaxSettings:
		return fmt.Errorf("%w settings: a phone has at most %d", ErrTooMany, MaxSettings)
	}
	if p.Timezone != "" {
		if _, err := time.LoadLocation(p.Timezone); err != nil || p.Timezone == "Local" {
			return fmt.Errorf("time zone %q: %w: use a name of the IANA list, as Europe/Berlin", p.Timezone, ErrInvalid)
		}
	}
	texts := []string{p.Model, p.Label, p.Site, p.Language}
	for _, l := range p.Lines {
		texts = append(texts, l.Label)
	}
	for _, k := range p.Keys {
		if err := k.check(); err != nil {
			return err
		}
		texts = append(texts, k.Label)
	}
	for name, value := range p.Settings {
		texts = append(texts, name, value)
	}
	for _, s := range texts {
		if err := checkText(s); err != nil {
			return err
		}
	}
	return nil
}

// checkText refuses what would end a line of a file, and more.
func checkText(s string) error {
	if len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("text %q: %w: at most %d octets of UTF-8 without control characters", clip(s), ErrInvalid, maxText)
	}
	return nil
}

func (k *Key) check() error {
	if !slices.Contains(KeyKinds, k.Kind) {
		return fmt.Errorf("kind of key %q: %w: use dial, lamp, park, intercom or paging", k.Kind, ErrInvalid)
	}
	if k.Target == "" || len(k.Target) > 64 || strings.ContainsFunc(k.Target, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"<>;,@&%{}\`, r)
	}) {
		return fmt.Errorf("target of key %q: %w: give a number, an extension or a user name without domain", clip(k.Target), ErrInvalid)
	}
	return nil
}

// ParseKey reads a key as it is written on a command line and in CSV:
// KIND:TARGET or KIND:TARGET:LABEL, as in "lamp:bob:Bob's desk".
func ParseKey(s string) (Key, error) {
	kind, rest, _ := strings.Cut(s, ":")
	target, label, _ := strings.Cut(rest, ":")
	k := Key{Kind: KeyKind(kind), Target: target, Label: label}
	return k, k.check()
}

// String is what ParseKey reads.
func (k Key) String() string {
	s := string(k.Kind) + ":" + k.Target
	if k.Label != "" {
		s += ":" + k.Label
	}
	return s
}

// Device is the name of the directory's device secret of a line, counted from 1.
// What registers with it is that line of that phone.
func (m MAC) Device(line int) string { return devicePrefix + string(m) + "-" + strconv.Itoa(line) }

const devicePrefix = "phone-"

// ParseDevice reads the name of a device secret made for a line.
func ParseDevice(name string) (mac MAC, line int, ok bool) {
	rest, ok := strings.CutPrefix(name, devicePrefix)
	if !ok || len(rest) < 14 || rest[12] != '-' {
		return "", 0, false
	}
	mac, err := ParseMAC(rest[:12])
	if err != nil || string(mac) != rest[:12] {
		return "", 0, false
	}
	line, err = strconv.Atoi(rest[13:])
	return mac, line, err == nil && line > 0 && line <= MaxLines
}
