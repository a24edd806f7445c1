// Package family knows, as data, what the phones of each maker ask for: names
// and order of files, templates to make them of, how they name themselves, and
// the notices that make them fetch their files again or restart.
//
// It renders files and checks them. It does not decide who gets a file, and it
// keeps nothing: a Set is read from the embedded data and from a folder of the
// operator's own templates.
package family

import (
	"regexp"
	"slices"
	"strings"
	"text/template"

	"tandem/sipphone"
)

// Family is the phones that ask for the same files.
type Family struct {
	Name       string   `yaml:"name"`
	Title      string   `yaml:"title"` // the makers and models, for people
	OUIs       []string `yaml:"ouis"`  // beginnings of MAC addresses, six hex digits
	HTTPAgents []string `yaml:"http_agents"`
	SIPAgents  []string `yaml:"sip_agents"`
	Transports []string `yaml:"transports"` // of SIP that it speaks, best first
	OldTLS     bool     `yaml:"old_tls"`    // it knows no TLS 1.2
	DHCP       []Option `yaml:"dhcp"`
	Files      []File   `yaml:"files"`   // in the order in which it asks for them
	Refused    []string `yaml:"refused"` // asked for, and gone on without: answered "not found"
	Uploads    []string `yaml:"uploads"` // what it may PUT
	Resync     Notice   `yaml:"resync"`
	Reboot     Notice   `yaml:"reboot"`
	KeepAlive  int      `yaml:"keep_alive"` // seconds between what keeps a NAT open, as its files say; 0: they do not
	SRTP       bool     `yaml:"srtp"`
	PlainBook  bool     `yaml:"plain_book"` // it reads phonebooks over plain HTTP alone
	Firmware   []string `yaml:"firmware"`   // ends of the names of files that name its firmware, in lower case
	Evidence   string   `yaml:"evidence"`   // where the facts are from

	// Keys is how the files write a key of each kind, with {dial}, {target}, {domain} and
	// {pickup}; Codes is how they write a transport. Templates see them as .Code: a text
	// that was looked up costs a fraction of one that a template chooses.
	Keys  map[sipphone.KeyKind]string `yaml:"keys"`
	Codes map[string]string           `yaml:"codes"`

	// Languages is how the files write a language, by two letters; none: as those.
	Languages map[string]string `yaml:"languages"`
	// Zones is how the files call a time zone: by its IANA name, or by its minutes east of
	// Greenwich, with "s" behind where clocks change.
	Zones map[string]string `yaml:"zones"`

	http, sip []*regexp.Regexp
	refused   []pattern
	uploads   []pattern
	byLabel   map[string]*template.Template
}

// Option is a DHCP option by which the family finds this server.
type Option struct {
	Code  int    `yaml:"code"`
	Value string `yaml:"value"` // "url", "host", "tftp" or "dls": what it holds
}

// Notice is what makes a phone do something: a NOTIFY, or a POST to the phone itself.
// Without Event and Post it knows none.
type Notice struct {
	Post  string `yaml:"post"` // URL with {host}, the address it registered from
	Event string `yaml:"event"`
	State string `yaml:"state"` // of Subscription-State, "" for no such header
	Type  string `yaml:"type"`
	Body  string `yaml:"body"` // with {callid}, the Call-ID of its registration
}

// File is a file made of a template.
type File struct {
	Name     string `yaml:"name"`     // with {mac}, {model}, {digits}; leading folders are ignored
	Template string `yaml:"template"` // in the folder of the family
	Format   Format `yaml:"format"`
	Type     string `yaml:"type"`   // Content-Type
	Secret   bool   `yaml:"secret"` // it belongs to one phone and holds its passwords
	Query    string `yaml:"query"`  // the name of the parameter that holds the MAC when the path does not

	pattern pattern
}

// Agent is what a User-Agent told.
type Agent struct {
	MAC      sipphone.MAC // "" when it does not say
	Model    string
	Firmware string
}

// httpAgent reads the User-Agent of a request for a file.
func (f *Family) httpAgent(s string) (Agent, bool) { return readAgent(f.http, s) }

// SIPAgent reads the User-Agent of a registration.
func (f *Family) SIPAgent(s string) (Agent, bool) { return readAgent(f.sip, s) }

func readAgent(list []*regexp.Regexp, s string) (a Agent, ok bool) {
	if len(s) > 512 {
		return a, false
	}
	for _, re := range list {
		m := re.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		for i, name := range re.SubexpNames() {
			switch {
			case m[i] == "":
			case name == "mac":
				a.MAC, _ = sipphone.ParseMAC(m[i])
			case name == "model":
				a.Model = m[i]
			case name == "firmware":
				a.Firmware = m[i]
			}
		}
		return a, true
	}
	return a, false
}

// File finds the file a path asks for.
func (f *Family) File(path string) (*File, Found, bool) {
	for i := range f.Files {
		if found, ok := f.Files[i].pattern.match(path); ok {
			return &f.Files[i], found, true
		}
	}
	return nil, Found{}, false
}

// Upload finds which of its uploads a path is: its MAC and the name to keep it by.
func (f *Family) Upload(path string) (name string, mac sipphone.MAC, ok bool) {
	for _, p := range f.uploads {
		if found, ok := p.match(path); ok && found.MAC != "" {
			return strings.ReplaceAll(strings.ReplaceAll(p.text, "{mac}", string(found.MAC)), "{MAC}", string(found.MAC)), found.MAC, true
		}
	}
	return "", "", false
}

// refuses reports whether the family asks for the path and expects not to get it.
func (f *Family) refuses(path string) (mac sipphone.MAC, ok bool) {
	for _, p := range f.refused {
		if found, ok := p.match(path); ok {
			return found.MAC, true
		}
	}
	return "", false
}

// transport is the best one of ours that the family speaks, wanted first. Listeners of
// SIP speak no old TLS.
func (f *Family) transport(wanted string, ours map[string]int) string {
	for _, t := range append([]string{wanted}, f.Transports...) {
		if slices.Contains(f.Transports, t) && ours[t] != 0 && !(t == "tls" && f.OldTLS) {
			return t
		}
	}
	return "udp"
}

// Template is the parsed template of that name, nil when there is none.
func (f *Family) template(name string) *template.Template { return f.byLabel[name] }

// Personal reports whether the file belongs to one phone.
func (file *File) Personal() bool {
	return file.Secret || file.Query != "" || strings.Contains(strings.ToLower(file.Name), "{mac}")
}

// Path of the file of a phone, as it asks for it.
func (file *File) Path(p *sipphone.Phone) string {
	return strings.NewReplacer("{mac}", string(p.MAC), "{MAC}", p.MAC.Upper(), "{model}", p.Model, "{digits}", "0", "{hex}", "0").Replace(file.Name)
}

// Hidden are the secrets in what a file is made of.
func (a *Asked) Hidden() []string { return append(slices.Clone(a.Secrets), a.Password, a.BookWord) }
