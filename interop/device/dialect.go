package device

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"

	"tandem/interop/behaviour"
)

//go:embed dialects/*.yaml
var files embed.FS

// Dialect is how a device words its messages. Texts hold variables in braces; a
// line that is one variable without a value is left out. What a dialect does not
// word is worded as plain.yaml does.
type Dialect struct {
	Name     string               `yaml:"-"`
	Title    string               `yaml:"title"`
	Family   string               `yaml:"family"` // of package behaviour
	Role     behaviour.Role       `yaml:"role"`
	Evidence []behaviour.Evidence `yaml:"evidence"` // for these words; strongest first
	Note     string               `yaml:"note"`
	Over     []string             `yaml:"over"` // transports it uses: udp, tcp, tls

	Via         string `yaml:"via"`
	CallID      string `yaml:"callid"`
	Tag         string `yaml:"tag"` // "none": From has none
	From        string `yaml:"from"`
	To          string `yaml:"to"`
	Contact     string `yaml:"contact"`
	Credentials string `yaml:"credentials"`
	Request     string `yaml:"request"`
	Register    string `yaml:"register"` // as Request when not given
	Invite      string `yaml:"invite"`   // as Request when not given
	Response    string `yaml:"response"`
	Offer       string `yaml:"offer"`
	Answer      string `yaml:"answer"`
	Hold        string `yaml:"hold"`      // how it holds: sendonly, address, or address and sendrecv; "" when that is not known
	Bye         string `yaml:"bye"`       // a further line of BYE
	BareACK     bool   `yaml:"bare_ack"`  // the ACK of a 487 has no tag in To
	Features    bool   `yaml:"features"`  // it keeps do-not-disturb by as-feature-event
	Registers   bool   `yaml:"registers"` // of a gateway: it can register as well
	Refers      bool   `yaml:"refers"`    // of a gateway: it transfers by REFER
	SDES        bool   `yaml:"sdes"`      // over TLS its sound is SRTP with keys in the description (RFC 4568)
}

// protects says whether it protects its sound when it signals over a transport.
func (d *Dialect) protects(proto string) bool { return d.SDES && proto == "TLS" }

// Events says whether it sends keys as telephone-event.
func (d *Dialect) Events() bool { return strings.Contains(d.Offer, "telephone-event") }

// Dialects are all devices, by name; the first is plain. They are shared and must not be
// changed.
func Dialects() ([]*Dialect, error) { return dialects() }

var dialects = sync.OnceValues(func() ([]*Dialect, error) {
	plain, err := load("dialects/plain.yaml", nil)
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "dialects/*.yaml")
	if err != nil {
		return nil, err
	}
	list := []*Dialect{plain}
	for _, name := range names {
		if name == "dialects/plain.yaml" {
			continue
		}
		d, err := load(name, plain)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
})

// Find returns a dialect by its name.
func Find(name string) (*Dialect, error) {
	all, err := Dialects()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(d *Dialect) bool { return d.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no device %q", name)
	}
	return all[i], nil
}

func load(name string, plain *Dialect) (*Dialect, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	d := &Dialect{}
	if plain != nil {
		c := *plain
		d = &c
		d.Title, d.Family, d.Role, d.Evidence, d.Note, d.Over, d.Register, d.Invite, d.Hold = "", "", "", nil, "", nil, "", "", ""
		d.Bye, d.BareACK, d.Features, d.Registers, d.Refers, d.SDES = "", false, false, false, false, false
	}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(d); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d.Name = strings.TrimSuffix(path.Base(name), ".yaml")
	d.Register, d.Invite = cmp.Or(d.Register, d.Request), cmp.Or(d.Invite, d.Request)
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

var braced = regexp.MustCompile(`\{([a-z0-9]+)\}`)

// known are the variables of texts.
var known = []string{
	"proto", "transport", "local", "host", "port", "domain", "user", "server", "serverhost", "display", // who and where
	"hex4", "hex8", "num", "mac", "branch", // new each time; mac is the device's
	"method", "ruri", "status", "reason", "cseq", "callid", "tag", // of the message
	"via", "vias", "routes", "recordroutes", "from", "to", "contact", "expires", "credentials", "content", "length", "body", "timestamp",
	"rtp", "session", "version", "chosen", // of descriptions
	"realm", "nonce", "uri", "response", "cnonce", // of credentials
}

func (d *Dialect) check() error {
	if d.Title == "" || len(d.Evidence) == 0 || len(d.Over) == 0 {
		return errors.New("title, evidence and over are missing")
	}
	if !slices.Contains([]string{"", holdDirection, holdAddress, holdBoth}, d.Hold) {
		return fmt.Errorf("hold %q is unknown; use %s, %s or %s", d.Hold, holdDirection, holdAddress, holdBoth)
	}
	if d.Role != behaviour.Phone && d.Role != behaviour.Gateway && d.Role != behaviour.Trunk {
		return fmt.Errorf("role %q is unknown", d.Role)
	}
	for _, text := range []string{d.Via, d.CallID, d.Tag, d.From, d.To, d.Contact, d.Credentials, d.Request, d.Register, d.Invite, d.Response, d.Offer, d.Answer} {
		if text == "" {
			return errors.New("a text is empty; leave it out to word it as plain.yaml does")
		}
		for _, m := range braced.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(known, m[1]) {
				return fmt.Errorf("{%s} is not a variable; use one of %v", m[1], known)
			}
		}
	}
	return nil
}

// render fills a text. A line that is one variable with an empty value is left
// out; lines end with CRLF.
func render(text string, value func(string) string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if m := braced.FindStringSubmatch(line); m != nil && m[0] == line {
			v := value(m[1])
			if v == "" {
				continue
			}
			if m[1] == "body" {
				out.WriteString(v) // with line ends of its own
				continue
			}
			line = v
		} else {
			line = braced.ReplaceAllStringFunc(line, func(s string) string { return value(s[1 : len(s)-1]) })
		}
		out.WriteString(line + "\r\n")
	}
	return out.String()
}

// short fills a text of one line.
func short(text string, value func(string) string) string {
	return strings.TrimSuffix(render(text, value), "\r\n")
}
