package phonefiles

import (
	"cmp"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"tandem/cmd/tandem/certs"
	"tandem/cmd/tandem/config"
	"tandem/rtc/transport"
	"tandem/sipphone/family"
	"tandem/sipphone/provision"
)

// Place is what all phones are told: of the SIP listeners, and by the configuration.
func Place(cfg *config.Config, listeners []*transport.Listener, cert *certs.Certificate) family.Place {
	p := cfg.Phones
	place := family.Place{Domain: cfg.Domains[0], Ports: make(map[string]int), Transport: p.Transport, Expires: cfg.Registrar.DefaultExpires,
		NTP: p.NTP, Timezone: p.Timezone, Language: p.Language, Country: cfg.Numbers.Country,
		Voicemail: p.Voicemail, Pickup: p.Pickup, Park: p.Park, Intercom: p.Intercom, Paging: p.Paging}
	files := cfg.PhonesFolder(p.Files, "files")
	place.Rings, place.Firmware = filesIn(filepath.Join(files, "rings")), firmware(filepath.Join(files, provision.FirmwareFolder))
	name := cfg.Domains[0]
	if len(cfg.Names) > 0 {
		name = cfg.Names[0]
	}
	place.Host = p.Host
	for _, l := range listeners {
		proto := l.Proto().Param()
		if place.Ports[proto] == 0 {
			place.Ports[proto] = int(l.Addr().Port())
		}
		if a := l.Addr().Addr(); place.Host == "" && !a.IsUnspecified() {
			place.Host = a.String()
		}
	}
	place.Host = cmp.Or(place.Host, name)
	place.URL = cmp.Or(p.URL, base("https", p.HTTPS, name), base("http", p.HTTP, name))
	place.OldURL, place.HTTPURL = base("https", p.OldTLS, name), base("http", p.HTTP, name)
	if !strings.HasSuffix(place.URL, "/") {
		place.URL += "/"
	}
	if p.TFTP != "" {
		place.TFTP = place.Host
	}
	place.CA, place.OldCA = cert.CA(cfg), cert.OldCA(cfg)
	return place
}

// maxNames bounds what is read of a folder of files for phones.
const maxNames = 100

// firmware are the files of a folder that has one for each model.
func firmware(folder string) map[string][]string {
	models := make(map[string][]string)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil // there is no such folder
	}
	for _, e := range entries {
		if e.IsDir() && len(models) < maxNames {
			models[e.Name()] = filesIn(filepath.Join(folder, e.Name()))
		}
	}
	return models
}

// filesIn are the names of the files in a folder, in order.
func filesIn(folder string) (names []string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil // there is no such folder
	}
	for _, e := range entries {
		if e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") && len(names) < maxNames {
			names = append(names, e.Name())
		}
	}
	return names
}

// base is the URL of a listener, "" when there is none.
func base(scheme, addr, name string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	if a, err := netip.ParseAddr(host); err != nil || a.IsUnspecified() {
		host = name
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/"
}
