package config

import (
	"net/netip"
	"path/filepath"
	"time"
)

// Phones is how desk phones get their files.
type Phones struct {
	HTTPS     string        `yaml:"https" json:"https,omitempty"`
	HTTP      string        `yaml:"http" json:"http,omitempty"`
	TFTP      string        `yaml:"tftp" json:"tftp,omitempty"`
	OldTLS    string        `yaml:"old_tls" json:"old_tls,omitempty"`
	PnP       string        `yaml:"pnp" json:"pnp,omitempty"`
	URL       string        `yaml:"url" json:"url,omitempty"`
	Host      string        `yaml:"host" json:"host,omitempty"`
	Transport string        `yaml:"transport" json:"transport" jsonschema:"enum=udp,enum=tcp,enum=tls"`
	Networks  []string      `yaml:"networks" json:"networks"`
	Window    time.Duration `yaml:"window" json:"window"`
	ClientCA  string        `yaml:"client_ca" json:"client_ca,omitempty"`
	Templates string        `yaml:"templates" json:"templates,omitempty"`
	Files     string        `yaml:"files" json:"files,omitempty"`
	NTP       string        `yaml:"ntp" json:"ntp,omitempty"`
	Timezone  string        `yaml:"timezone" json:"timezone"`
	Language  string        `yaml:"language" json:"language"`
	Voicemail string        `yaml:"voicemail" json:"voicemail,omitempty"`
	Pickup    string        `yaml:"pickup" json:"pickup"`
	Park      string        `yaml:"park" json:"park"`
	Intercom  string        `yaml:"intercom" json:"intercom"`
	Paging    string        `yaml:"paging" json:"paging"`
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
	known := defaultPhones() // as telephony/feature reads them
	for _, code := range []struct{ key, has, known string }{{"pickup", p.Pickup, known.Pickup}, {"park", p.Park, known.Park},
		{"intercom", p.Intercom, known.Intercom}, {"paging", p.Paging, known.Paging}} {
		if code.has != code.known {
			bad("phones."+code.key, "%q is no code of this server, so that the keys of all phones would be dead; write %q, or leave it out", code.has, code.known)
		}
	}
}

// PhonesFolder is a folder of phones: that which is set, else one in the data folder.
func (c *Config) PhonesFolder(own, name string) string {
	if own != "" {
		return own
	}
	return filepath.Join(c.Data, "phones", name)
}
