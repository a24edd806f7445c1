package config

import (
	"net/netip"
	"path/filepath"
	"time"
)

// Phones is how desk phones get their files.
type Phones struct {
	HTTPS     string        `yaml:"https" json:"https,omitempty" jsonschema_description:"host:port where phones get their files over TLS; empty: off"`
	HTTP      string        `yaml:"http" json:"http,omitempty" jsonschema_description:"The same in the clear, within the window of a phone alone; empty: off"`
	TFTP      string        `yaml:"tftp" json:"tftp,omitempty" jsonschema_description:"The same over TFTP, port 69 as a rule; empty: off"`
	OldTLS    string        `yaml:"old_tls" json:"old_tls,omitempty" jsonschema_description:"A listener of its own for phones that know no TLS 1.2; empty: off"`
	PnP       string        `yaml:"pnp" json:"pnp,omitempty" jsonschema_description:"Local address on which phones that look for a server by multicast (224.0.1.75:5060) are answered; empty: off"`
	URL       string        `yaml:"url" json:"url,omitempty" jsonschema_description:"Base of the URLs that phones are told; empty: made of the address of https and the first of names and domains"`
	Host      string        `yaml:"host" json:"host,omitempty" jsonschema_description:"Where phones register; empty: the host of the first listener that has one, else the first of names and domains"`
	Transport string        `yaml:"transport" json:"transport" jsonschema:"enum=udp,enum=tcp,enum=tls" jsonschema_description:"Of SIP; a family that does not know it takes its best other one"`
	Networks  []string      `yaml:"networks" json:"networks" jsonschema_description:"Where phones are (CIDR): from elsewhere a phone needs its certificate or password"`
	Window    time.Duration `yaml:"window" json:"window" jsonschema_description:"How long a phone that was added or adopted gets its files by its MAC alone"`
	ClientCA  string        `yaml:"client_ca" json:"client_ca,omitempty" jsonschema_description:"PEM file of the makers' CAs that sign the certificates of phones; empty: none is asked for"`
	Templates string        `yaml:"templates" json:"templates,omitempty" jsonschema_description:"Folder of own templates, one folder a family; empty: phones/templates in the data folder"`
	Files     string        `yaml:"files" json:"files,omitempty" jsonschema_description:"Folder of firmware, ring tones and other files; empty: phones/files in the data folder"`
	NTP       string        `yaml:"ntp" json:"ntp,omitempty" jsonschema_description:"Time server of phones"`
	Timezone  string        `yaml:"timezone" json:"timezone" jsonschema_description:"IANA name"`
	Language  string        `yaml:"language" json:"language" jsonschema_description:"Two letters"`
	Voicemail string        `yaml:"voicemail" json:"voicemail,omitempty" jsonschema_description:"Number that message keys call"`
	Pickup    string        `yaml:"pickup" json:"pickup" jsonschema_description:"Digits in front of an extension that take its call"`
	Park      string        `yaml:"park" json:"park" jsonschema_description:"Digits in front of the place of a park key"`
	Intercom  string        `yaml:"intercom" json:"intercom" jsonschema_description:"Digits in front of an extension that answers at once"`
	Paging    string        `yaml:"paging" json:"paging" jsonschema_description:"Digits in front of a group whose phones answer at once and hear the caller"`
}

func defaultPhones() Phones {
	return Phones{
		Transport: "tls",
		Networks:  []string{"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10"},
		Window:    24 * time.Hour,
		NTP:       "pool.ntp.org", Timezone: "UTC", Language: "en",
		Pickup: "**", Park: "*5", Intercom: "*80", Paging: "*81",
	}
}

// fixed is the part that a reload cannot change.
func (p Phones) fixed() Phones {
	return Phones{HTTPS: p.HTTPS, HTTP: p.HTTP, TFTP: p.TFTP, OldTLS: p.OldTLS, PnP: p.PnP, Networks: p.Networks, Window: p.Window, ClientCA: p.ClientCA, Files: p.Files}
}

// faults of the section.
func (p *Phones) faults(bad func(key, format string, args ...any)) {
	for _, a := range []struct{ key, addr string }{{"https", p.HTTPS}, {"http", p.HTTP}, {"tftp", p.TFTP}, {"old_tls", p.OldTLS}} {
		if a.addr != "" {
			if _, err := (&Listen{Addr: a.addr}).AddrPort(); err != nil {
				bad("phones."+a.key, "%w", err)
			}
		}
	}
	if p.PnP != "" {
		if _, err := netip.ParseAddr(p.PnP); err != nil {
			bad("phones.pnp", "%q is not an address of this machine, as in 192.0.2.5", p.PnP)
		}
	}
	if p.Transport != "udp" && p.Transport != "tcp" && p.Transport != "tls" {
		bad("phones.transport", "%q is unknown; use udp, tcp or tls", p.Transport)
	}
	if _, err := Prefixes(p.Networks); err != nil {
		bad("phones.networks", "%w", err)
	}
	if p.Window < time.Minute || p.Window > 30*24*time.Hour {
		bad("phones.window", "has %s; use 1m to 720h", p.Window)
	}
	if _, err := time.LoadLocation(p.Timezone); err != nil {
		bad("phones.timezone", "%q is not in the IANA list; use a name such as Europe/Berlin", p.Timezone)
	}
}

// PhonesFolder is a folder of phones: that which is set, else one in the data folder.
func (c *Config) PhonesFolder(own, name string) string {
	if own != "" {
		return own
	}
	return filepath.Join(c.Data, "phones", name)
}
