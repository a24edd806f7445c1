package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/front"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/web"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/sipphone"
	"tandem/sipphone/family"
	"tandem/sipphone/invite"
	"tandem/sipphone/output"
	"tandem/sipphone/phonebook"
	"tandem/sipphone/provision"
	"tandem/sipphone/tftp"
)

// loadFamilies reads the families and the operator's templates. A wrong template
// is reported and the one before stays.
func (s *Server) loadFamilies(cfg *config.Config) error {
	set, errs := family.Load(cfg.PhonesFolder(cfg.Phones.Templates, "templates"), s.phones.families.Load())
	if set == nil {
		return errors.Join(errs...)
	}
	for _, err := range errs {
		s.log.Error("template of phones not used", "err", err)
	}
	s.phones.families.Store(set)
	policies, err := output.Load(cfg.PhonesFolder(cfg.Phones.Templates, "templates"))
	if err != nil {
		s.log.Error("output policies of phones not used", "err", err)
	}
	if policies == nil {
		return err
	}
	if err == nil || s.phones.output.Load() == nil {
		s.phones.output.Store(policies)
	}
	return nil
}

// reloadPhones reads templates and what phones are told again.
func (s *Server) reloadPhones(cfg *config.Config) error {
	if err := s.loadFamilies(cfg); err != nil {
		return err
	}
	place := s.phonePlace(cfg)
	s.phones.place.Store(&place)
	return nil
}

// phonePlace is what all phones are told.
func (s *Server) phonePlace(cfg *config.Config) family.Place {
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
	for _, l := range s.transport.Listeners() {
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
	place.CA, place.OldCA = s.cert.CA(cfg), s.cert.OldCA(cfg)
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

// person is the name of a user and the number others dial.
func (s *Server) person(aor rtc.AOR) (name, number string) {
	u, ok := s.directory.User(aor)
	if !ok {
		return "", ""
	}
	return u.DisplayName, u.Extension
}

// phonebook is who can be called from a phone: the contacts of the user of its first
// line, and the users of this server.
func (s *Server) phonebook(ctx context.Context, p sipphone.Phone) []phonebook.Entry {
	list := s.contactEntries(ctx, p)
	listed := make(map[string]bool)
	for _, e := range list {
		listed[e.Number] = true
	}
	for u := range s.directory.After("") {
		e := phonebook.Entry{Name: cmp.Or(u.DisplayName, u.AOR.User()), Number: cmp.Or(u.Extension, u.AOR.User())}
		if !u.Enabled || listed[e.Number] {
			continue
		}
		if list = append(list, e); len(list) >= phonebook.Max {
			break
		}
	}
	return list
}

// contactEntries are the telephone numbers of a user's contacts, and the addresses of
// those that have none.
func (s *Server) contactEntries(ctx context.Context, p sipphone.Phone) (list []phonebook.Entry) {
	if len(p.Lines) == 0 {
		return nil
	}
	contacts, _, err := s.contacts.Contacts(ctx, p.Lines[0].User)
	if err != nil {
		s.log.Warn("a phonebook lacks contacts", "aor", string(p.Lines[0].User), "err", err)
		return nil
	}
	for _, c := range contacts {
		numbers := c.Numbers
		if uri, err := sip.ParseURI([]byte(c.Address)); len(numbers) == 0 && err == nil {
			number := string(sip.AppendUnescaped(nil, uri.User))
			if u, ok := s.directory.User(c.AOR()); ok {
				number = cmp.Or(u.Extension, number)
			} else if uri.Kind != sip.URITel {
				number += "@" + string(uri.Host)
			}
			numbers = []string{number}
		}
		for _, n := range numbers {
			if list = append(list, phonebook.Entry{Name: cmp.Or(c.Name, c.Address), Number: n}); len(list) >= phonebook.Max {
				return list
			}
		}
	}
	return list
}

// listenPhones opens the listeners that the configuration names.
func (s *Server) listenPhones(cfg *config.Config) error {
	for _, l := range []struct {
		key, addr string
		way       provision.Way
	}{{"https", cfg.Phones.HTTPS, provision.HTTPS}, {"http", cfg.Phones.HTTP, provision.HTTP}, {"old_tls", cfg.Phones.OldTLS, provision.OldTLS}} {
		if l.addr == "" {
			continue
		}
		if err := s.listenFiles(cfg, l.addr, l.way); err != nil {
			return fmt.Errorf("phones.%s: %w", l.key, err)
		}
	}
	if cfg.Phones.PnP != "" {
		leave, err := joinMulticast(cfg.Phones.PnP)
		if err != nil {
			return fmt.Errorf("phones.pnp: %w", err)
		}
		s.phones.closers = append(s.phones.closers, leave)
	}
	if cfg.Phones.TFTP != "" {
		l, err := tftp.Listen(cfg.Phones.TFTP, s.phones.desk, s.log)
		if err != nil {
			return fmt.Errorf("phones.tftp: %w", err)
		}
		s.phones.listening[string(provision.TFTP)] = l.Addr().String()
		s.phones.closers = append(s.phones.closers, func() error { l.Close(); return nil }) // closed already when it was served
		s.phones.serve = append(s.phones.serve, l.Run)
	}
	return nil
}

func (s *Server) listenFiles(cfg *config.Config, addr string, way provision.Way) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w; choose another port, or \"\" for none", err)
	}
	limited := front.NewListener(l, maxPhoneConns)
	s.phones.listening[string(way)] = l.Addr().String()
	s.phones.closers = append(s.phones.closers, func() error { limited.Close(); return nil })
	server := &http.Server{Handler: limited.Handler(s.filesHandler(way)), ConnContext: limited.Context, ErrorLog: web.Quiet(s.log),
		ReadHeaderTimeout: provision.ReadHeaderTimeout, ReadTimeout: provision.ReadTimeout, WriteTimeout: provision.WriteTimeout,
		IdleTimeout: provision.IdleTimeout, MaxHeaderBytes: 8 << 10}
	listener := net.Listener(limited)
	if way != provision.HTTP {
		config := s.cert.Phones
		if way == provision.OldTLS {
			config = s.cert.OldPhones
		}
		t, err := config(cfg.Phones.ClientCA)
		if err != nil {
			return err
		}
		listener = tls.NewListener(limited, t)
	}
	s.phones.serve = append(s.phones.serve, func(ctx context.Context) error { return web.Serve(ctx, server, listener) })
	return nil
}

// filesHandler serves phones, and softphones over TLS alone: their links are
// secrets.
func (s *Server) filesHandler(way provision.Way) http.Handler {
	files := s.phones.desk.Handler(way)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch link := strings.HasPrefix(r.URL.Path, "/"+invite.Path); {
		case link && way == provision.HTTPS:
			s.phones.links.ServeHTTP(w, r)
		case link:
			http.NotFound(w, r)
		default:
			files.ServeHTTP(w, r)
		}
	})
}

// guessing reports an address that asks for the files of others.
func (s *Server) guessing(from netip.Addr, until time.Time) {
	s.phones.guessers.Add(1)
	s.log.Warn("address asks for the files of many phones and is shut out", "peer", from, "until", until)
	s.state.Tell("phone.guessing", op.Resource("phones", "guessers", from.String()), access.Read("phones"), func() any {
		return map[string]any{"from": from.String(), "until": until}
	})
}

// phoneTwice reports a second device with the MAC of a phone: one of them is not it.
func (s *Server) phoneTwice(mac sipphone.MAC, first, second netip.Addr) {
	s.log.Warn("second device with the MAC of a phone", "mac", mac, "first", first, "peer", second)
	s.state.Tell("phone.twice", op.Resource("phones", string(mac)), access.Read("phones"), func() any {
		return map[string]any{"mac": mac.Colons(), "first": first.String(), "second": second.String()}
	})
}
