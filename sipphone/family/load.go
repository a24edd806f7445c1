package family

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"

	"github.com/goccy/go-yaml"

	"tandem/sipphone"
)

//go:embed all:data
var data embed.FS

// Set is all families at one moment. It never changes.
type Set struct {
	list   []*Family // by name
	byName map[string]*Family
	byOUI  map[string]*Family
}

// Load reads the embedded families. Templates found in the folder own, one folder
// a family, take the place of those of the same name; own "" or a missing folder
// changes nothing. What is wrong with one of them is reported, and the template
// that was there before, in old or embedded, stays in its place.
func Load(own string, old *Set) (*Set, []error) {
	s := &Set{byName: make(map[string]*Family), byOUI: make(map[string]*Family)}
	list, errs := embedded()
	if list == nil {
		return nil, errs
	}
	errs = slices.Clone(errs)
	for _, e := range list {
		f := e.copy()
		if own != "" {
			errs = append(errs, f.override(path.Join(own, f.Name), old.Family(f.Name))...)
		}
		s.list = append(s.list, f)
		s.byName[f.Name] = f
		for _, oui := range f.OUIs {
			s.byOUI[oui] = f
		}
	}
	return s, errs
}

// embedded reads the embedded families once; a Set has copies of them.
var embedded = sync.OnceValues(func() (list []*Family, errs []error) {
	folders, err := fs.ReadDir(data, "data")
	if err != nil {
		return nil, []error{err}
	}
	for _, d := range folders {
		f, err := readFamily(d.Name())
		if err != nil {
			errs = append(errs, fmt.Errorf("family %s: %w", d.Name(), err))
			continue
		}
		list = append(list, f)
	}
	return list, errs
})

// copy of a family whose templates can be replaced; all else of it never changes.
func (f *Family) copy() *Family {
	c := *f
	c.byLabel = maps.Clone(f.byLabel)
	return &c
}

func readFamily(name string) (*Family, error) {
	dir := path.Join("data", name)
	b, err := data.ReadFile(path.Join(dir, "family.yaml"))
	if err != nil {
		return nil, err
	}
	f := &Family{byLabel: make(map[string]*template.Template)}
	if err := yaml.UnmarshalWithOptions(b, f, yaml.Strict()); err != nil {
		return nil, err
	}
	if f.Name != name {
		return nil, fmt.Errorf("is called %q in folder %q", f.Name, name)
	}
	if err := f.checkWords(); err != nil {
		return nil, err
	}
	if f.http, err = compile(f.HTTPAgents); err != nil {
		return nil, err
	}
	if f.sip, err = compile(f.SIPAgents); err != nil {
		return nil, err
	}
	if f.refused, err = patterns(f.Refused); err != nil {
		return nil, err
	}
	if f.uploads, err = patterns(f.Uploads); err != nil {
		return nil, err
	}
	for i := range f.Files {
		file := &f.Files[i]
		if file.pattern, err = newPattern(file.Name); err != nil {
			return nil, err
		}
		if f.byLabel[file.Template] == nil {
			text, err := data.ReadFile(path.Join(dir, file.Template))
			if err != nil {
				return nil, err
			}
			if f.byLabel[file.Template], err = parse(file.Template, text); err != nil {
				return nil, err
			}
		}
		if err := f.trial(file); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// checkWords finds kinds of keys and transports for which a family that has words for
// some has none.
func (f *Family) checkWords() error {
	for _, kind := range sipphone.KeyKinds {
		if _, ok := f.Keys[kind]; len(f.Keys) > 0 && !ok {
			return fmt.Errorf("keys: the kind %q is missing", kind)
		}
	}
	for _, t := range f.Transports {
		if _, ok := f.Codes[t]; len(f.Codes) > 0 && !ok {
			return fmt.Errorf("codes: the transport %q is missing", t)
		}
	}
	return nil
}

func compile(list []string) (out []*regexp.Regexp, err error) {
	for _, s := range list {
		re, err := regexp.Compile(s)
		if err != nil {
			return nil, fmt.Errorf("User-Agent %q: %w", s, err)
		}
		out = append(out, re)
	}
	return out, nil
}

func patterns(list []string) (out []pattern, err error) {
	for _, s := range list {
		p, err := newPattern(s)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func parse(name string, text []byte) (*template.Template, error) {
	return template.New(name).Funcs(functions).Option("missingkey=zero").Parse(string(text))
}

// override takes templates of a folder in place of those of their names.
func (f *Family) override(dir string, old *Family) (errs []error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []error{fmt.Errorf("reading templates: %w", err)}
	}
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), "~") {
			continue
		}
		where := path.Join(dir, e.Name())
		before := f.byLabel[e.Name()]
		if before == nil {
			errs = append(errs, fmt.Errorf("template %s: %s has none of that name; use one of %s", where, f.Name, strings.Join(f.templates(), ", ")))
			continue
		}
		if err := f.replace(where, e.Name()); err != nil {
			errs = append(errs, fmt.Errorf("template %s: %w; the one before stays in use", where, err))
			f.byLabel[e.Name()] = before
			if old != nil {
				f.byLabel[e.Name()] = old.byLabel[e.Name()]
			}
		}
	}
	return errs
}

func (f *Family) replace(where, name string) error {
	text, err := os.ReadFile(where)
	if err != nil {
		return err
	}
	if len(text) > maxFile {
		return fmt.Errorf("it has more than %d octets", maxFile)
	}
	if f.byLabel[name], err = parse(name, text); err != nil {
		return err
	}
	for i := range f.Files {
		if f.Files[i].Template == name {
			if err := f.trial(&f.Files[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Family) templates() (list []string) {
	for name := range f.byLabel {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// All families, by name.
func (s *Set) All() []*Family { return s.list }

// Family of that name, nil when there is none.
func (s *Set) Family(name string) *Family {
	if s == nil {
		return nil
	}
	return s.byName[name]
}

// ByOUI is the family that mostly has MAC addresses of that beginning, nil when
// none is known.
func (s *Set) ByOUI(mac sipphone.MAC) *Family { return s.byOUI[mac.OUI()] }

// ByAgent finds the family of a User-Agent of a request for a file.
func (s *Set) ByAgent(agent string) (*Family, Agent, bool) {
	for _, f := range s.list {
		if a, ok := f.httpAgent(agent); ok {
			return f, a, true
		}
	}
	return nil, Agent{}, false
}

// ByPath finds the first family that asks for a path, whether it gets the file or
// expects not to.
func (s *Set) ByPath(p string) (*Family, Found, bool) {
	for _, f := range s.list {
		if _, found, ok := f.File(p); ok {
			return f, found, true
		}
		if mac, ok := f.refuses(p); ok {
			return f, Found{MAC: mac}, true
		}
	}
	return nil, Found{}, false
}

func mark(secret string) string {
	sum := sha256.Sum256([]byte("mark " + secret))
	return hex.EncodeToString(sum[:3])
}
