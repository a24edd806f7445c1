package behaviour

import (
	"bytes"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed families/*.yaml
var files embed.FS

// Names are those of all families of the project, in order.
func Names() (list []string) {
	entries, _ := fs.ReadDir(files, "families") // it is part of the program
	for _, e := range entries {
		list = append(list, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return list
}

// Families are all families of the project, by name. They are read once: nobody
// changes them.
var Families = sync.OnceValues(families)

func families() ([]Family, error) {
	var list []Family
	ids := map[string]string{}
	for _, name := range Names() {
		name = "families/" + name + ".yaml"
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := Load(name, text)
		if err != nil {
			return nil, err
		}
		for _, b := range f.Behaviours {
			if other, taken := ids[b.ID]; taken {
				return nil, fmt.Errorf("%s: %s stands in %s as well", name, b.ID, other)
			}
			ids[b.ID] = name
		}
		list = append(list, *f)
	}
	for i := range list { // the slice has its final place now
		for k := range list[i].Behaviours {
			list[i].Behaviours[k].Family = &list[i]
		}
	}
	return list, nil
}

// Load reads one file and checks it. Errors name the file, the row and what to
// change.
func Load(name string, text []byte) (*Family, error) {
	f := Family{Name: strings.TrimSuffix(path.Base(name), ".yaml")}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&f); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var errs []error
	if f.Title == "" {
		errs = append(errs, errors.New("title is missing"))
	}
	if !slices.Contains([]Role{Gateway, Trunk, Phone, Any}, f.Role) {
		errs = append(errs, fmt.Errorf("role %q is unknown; use gateway, trunk, phone or any", f.Role))
	}
	for i := range f.Behaviours {
		b := &f.Behaviours[i]
		b.Family = &f
		for _, err := range b.check() {
			errs = append(errs, fmt.Errorf("%s: %w", b.ID, err))
		}
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("%s: %w", name, errors.Join(errs...))
	}
	return &f, nil
}

// Operator is who runs the server: no device, and needed where a step operates.
const Operator = "operator"

var (
	identifier = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	evidence   = []Evidence{Trace, EditedTrace, Code, Document, Inferred, Memory}
	devices    = []string{"gateway", "phone", "second", "stranger", Operator}
)

func (b *Behaviour) check() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !identifier.MatchString(b.ID) {
		bad("id %q is not made of small letters, digits and hyphens", b.ID)
	}
	if b.Does == "" || b.Server == "" {
		bad("does and server must say what the device does and what the server has to do")
	}
	if len(b.Evidence) == 0 || len(b.Source) == 0 {
		bad("evidence and source are missing")
	}
	for _, e := range b.Evidence {
		if !slices.Contains(evidence, e) {
			bad("evidence %q is unknown; use %v", e, evidence)
		}
	}
	ways := 0
	for _, there := range []bool{len(b.Run) > 0 && b.WaitsFor == "", b.WaitsFor != "", b.Nothing != ""} {
		if there {
			ways++
		}
	}
	if ways != 1 {
		bad("exactly one of run, waits_for (with or without run) and nothing says how the row is tried, or why not")
	}
	if b.WaitsFor != "" && Features[b.WaitsFor] == "" {
		bad("waits_for %q is unknown", b.WaitsFor)
	}
	if (b.NotYet != "") != (b.WaitsFor != "" && len(b.Run) == 0) {
		bad("a row that waits for a feature has exchanges (run), or says why there are none (not_yet)")
	}
	if b.Open != "" && len(b.Run) == 0 {
		bad("open names what the cases leave unchecked, but there are no cases")
	}
	for i, c := range b.Run {
		for _, err := range c.check() {
			bad("run[%d]: %w", i, err)
		}
	}
	return errs
}

func (c *Case) check() (errs []error) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if n := given(c.Pass != nil, c.Register != nil, c.Offer != nil, c.Story != nil, len(c.Steps) > 0); n != 1 {
		bad("needs exactly one of pass, register, offer, story and steps")
	}
	if c.WaitsFor != "" && Features[c.WaitsFor] == "" {
		bad("waits_for %q is unknown", c.WaitsFor)
	}
	for who, proto := range c.Over {
		if !slices.Contains(devices, who) || !slices.Contains([]string{"udp", "tcp", "tls"}, proto) {
			bad("over: %s: %s is unknown; devices are %v, transports udp, tcp and tls", who, proto, devices)
		}
	}
	if c.Pass != nil {
		if _, err := hex.DecodeString(strings.ReplaceAll(c.Pass.BodyHex, " ", "")); err != nil {
			bad("pass: body_hex: %w", err)
		}
	}
	for i, s := range c.Steps {
		if !slices.Contains(devices, s.Who) {
			bad("steps[%d]: who is %q; use one of %v", i, s.Who, devices)
		}
		if n := given(s.Register != nil, s.Send != nil, s.Bytes != "", s.Wait != nil, s.Answer != nil, s.Ack, s.Operate != nil, s.Boot != "", s.Fetch != nil, s.Ask != nil, s.Call != nil, s.Talk != nil); n != 1 {
			bad("steps[%d]: needs exactly one of register, send, ask, call, bytes, wait, answer, ack, talk, boot, fetch and operate", i)
		}
		if (s.Who == Operator) != (s.Operate != nil) {
			bad("steps[%d]: the operator operates, and nobody else", i)
		}
		if s.Talk != nil && !slices.Contains(devices, s.Talk.To) {
			bad("steps[%d]: talk: to is %q; use one of %v", i, s.Talk.To, devices)
		}
		if s.Fetch != nil && !slices.Contains([]string{"", "http", "tftp"}, s.Fetch.Over) {
			bad("steps[%d]: fetch: over is %q; use http or tftp", i, s.Fetch.Over)
		}
		if s.Send != nil && given(s.Send.Text != "", s.Send.Method != "") != 1 {
			bad("steps[%d]: send needs text or method", i)
		}
		if s.Wait != nil && given(s.Wait.Code != "", s.Wait.Method != "") != 1 {
			bad("steps[%d]: wait needs code or method", i)
		}
		if s.Wait != nil {
			for _, m := range append([]string{s.Wait.Pick}, s.Wait.Match...) {
				if _, err := regexp.Compile(m); err != nil {
					bad("steps[%d]: match: %w", i, err)
				}
			}
		}
	}
	for _, s := range c.Steps {
		for name, k := range s.kept() {
			if e, err := regexp.Compile(k); err != nil || e.NumSubexp() != 1 {
				bad("keep: %s: %q is not a regular expression with one group", name, k)
			}
		}
	}
	for _, name := range c.unknown() {
		bad("{%s} is not a variable; use one of %v", name, Variables)
	}
	return errs
}

// kept are the expressions by which a step keeps something.
func (s *Step) kept() map[string]string {
	switch {
	case s.Wait != nil:
		return s.Wait.Keep
	case s.Operate != nil:
		return s.Operate.Keep
	}
	return nil
}

func given(there ...bool) (n int) {
	for _, t := range there {
		if t {
			n++
		}
	}
	return n
}

// Devices are those a case needs.
func (c *Case) Devices() (list []string) {
	switch {
	case c.Story != nil && c.Story.Tells == "register":
		return []string{"phone"}
	case c.Story != nil && c.Story.Tells == "waiting":
		return []string{"phone", Operator}
	case c.Story != nil && (c.Story.Tells == "transfer" || c.Story.Tells == "transfer-refused"):
		return []string{"gateway", "phone", "second"}
	}
	if c.Pass != nil || c.Offer != nil || c.Story != nil || c.Register != nil && c.Register.Called != "" {
		return []string{"gateway", "phone"}
	}
	if c.Register != nil {
		return []string{"phone"}
	}
	for _, s := range c.Steps {
		if !slices.Contains(list, s.Who) {
			list = append(list, s.Who)
		}
	}
	for _, s := range c.Steps {
		if s.Talk != nil && !slices.Contains(list, s.Talk.To) {
			list = append(list, s.Talk.To)
		}
		if s.Boot != "" && !slices.Contains(list, Operator) {
			list = append(list, Operator)
		}
	}
	text := c.texts()
	for word, who := range map[string]string{"{gateway": "gateway", "{number}": "gateway", "{phone": "phone", "{user}": "phone", "{second": "second", "{user2}": "second"} {
		if !slices.Contains(list, who) && strings.Contains(text, word) {
			list = append(list, who)
		}
	}
	return list
}
