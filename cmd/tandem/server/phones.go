package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/front"
	op "tandem/cmd/tandem/api/operation"
	phonesapi "tandem/cmd/tandem/api/phones"
	"tandem/gateways/dialect"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/location"
	"tandem/rtc/reach"
	"tandem/rtc/store"
	"tandem/sipphone"
	"tandem/sipphone/family"
	"tandem/sipphone/inventory"
	"tandem/sipphone/invite"
	"tandem/sipphone/notify"
	"tandem/sipphone/output"
	"tandem/sipphone/provision"
	"tandem/sipphone/secret"
	phonestore "tandem/sipphone/sqlstore"
	"tandem/sipphone/tftp"
	"tandem/sipphone/waiting"
)

// phones is the room of desk phones with its listeners.
type phones struct {
	inventory *inventory.Inventory
	desk      *provision.Desk
	notifier  *notify.Notifier
	waiting   *waiting.Board
	links     *invite.Links
	output    atomic.Pointer[output.Set]
	families  atomic.Pointer[family.Set]
	place     atomic.Pointer[family.Place]
	guessers  atomic.Uint64
	listening map[string]string // addresses by way
	serve     []func(context.Context) error
	closers   []func() error
}

// maxPhoneConns is how many connections phones have at a time to one listener:
// a whole site boots at once.
const maxPhoneConns = 8192

func (s *Server) openPhones(ctx context.Context, cfg *Config) error {
	p := &phones{listening: make(map[string]string)}
	s.phones = p
	if err := s.loadFamilies(cfg); err != nil {
		return err
	}
	place := s.phonePlace(cfg)
	p.place.Store(&place)
	keeper, err := secret.New(s.key)
	if err != nil {
		return err
	}
	networks, err := prefixes(cfg.Phones.Networks)
	if err != nil {
		return err
	}
	p.inventory = newInventory(cfg, s.store, phoneUsers{s.directory, s.location}, keeper, p.families.Load, s.log)
	if err := p.inventory.Load(ctx); err != nil {
		return err
	}
	p.desk, err = provision.New(provision.Config{
		Inventory: p.inventory, Secrets: keeper, Families: p.families.Load, Place: p.place.Load,
		Person: s.person, Book: s.phonebook, Networks: networks, Guessing: s.guessing,
		Files: cfg.phonesFolder(cfg.Phones.Files, "files"), Uploads: filepath.Join(cfg.Data, "phones", "uploads"), Log: s.log,
	})
	if err != nil {
		return err
	}
	p.closers = append(p.closers, p.desk.Close)
	p.notifier = notify.New(notify.Config{
		Ways: func(aor rtc.AOR, device string) []reach.Way { return s.reach.Ways(aor, reach.Want{Device: device}) },
		Send: s.exchange.Send, Secrets: p.inventory.Secrets, Domain: cfg.Domains[0], Log: s.log,
	})
	p.links = invite.New(invite.Config{Account: s.softphone})
	p.waiting = waiting.New(waiting.Config{
		Store: phonestore.NewWaiting(s.store), Form: s.summaryForm,
		Changed: func(user rtc.AOR) { s.events.Changed(user, waiting.Name) }, Push: s.pushSummary,
	})
	if err := p.waiting.Load(ctx); err != nil {
		return err
	}
	s.events.Add(p.waiting.Package())
	s.showFeatures()
	return s.listenPhones(cfg)
}

// policyOf is how requests to a phone are written, by the device secret it
// registered with: false when it is not one of ours.
func (s *Server) policyOf(device string) (output.Policy, bool) {
	mac, _, ok := sipphone.ParseDevice(device)
	if !ok {
		return output.Policy{}, false
	}
	phone, err := s.phones.inventory.Get(mac)
	if err != nil {
		return output.Policy{}, false
	}
	return s.phones.output.Load().Of(phone.Family), true
}

// callerTo is how a phone is told who calls.
func (s *Server) callerTo(device string) dialect.CallerID {
	policy, ok := s.policyOf(device)
	switch {
	case !ok:
		return ""
	case policy.Caller == output.Remote:
		return dialect.CallerRemote
	case policy.Caller == output.Asserted:
		return dialect.CallerAsserted
	}
	return dialect.CallerFrom
}

// summaryForm is the most careful form that one of a user's phones needs.
func (s *Server) summaryForm(user rtc.AOR) output.Summary {
	for _, mac := range s.phones.inventory.Of(user) {
		if policy, ok := s.policyOf(mac.Device(1)); ok && policy.MWI == output.Plain {
			return output.Plain
		}
	}
	return output.Full
}

// pushSummary tells those of a user's phones that subscribe to nothing and yet
// expect to be told.
func (s *Server) pushSummary(user rtc.AOR, c waiting.Counts) {
	for _, mac := range s.phones.inventory.Of(user) {
		phone, err := s.phones.inventory.Get(mac)
		if err != nil {
			continue
		}
		policy := s.phones.output.Load().Of(phone.Family)
		for i, l := range phone.Lines {
			if l.User == user && policy.Unsolicited {
				s.phones.notifier.Push(&phone, i, waiting.Name, waiting.Type, waiting.Summary(user, c, policy.MWI))
			}
		}
	}
}

func newInventory(cfg *Config, db *store.DB, users phoneUsers, keeper *secret.Keeper, families func() *family.Set, log *slog.Logger) *inventory.Inventory {
	return inventory.New(inventory.Config{
		Store: phonestore.New(db), Users: users, Secrets: keeper, Families: families,
		Window: cfg.Phones.Window, PerUser: min(cfg.Registrar.MaxBindings, directory.MaxSecrets/2), Log: log,
	})
}

// offlinePhones is what can be done with phones while no server runs.
func offlinePhones(ctx context.Context, cfg *Config, db *store.DB, key []byte, users *directory.Directory, log *slog.Logger) (phonesapi.Room, error) {
	keeper, err := secret.New(key)
	if err != nil {
		return phonesapi.Room{}, err
	}
	set, errs := family.Load(cfg.phonesFolder(cfg.Phones.Templates, "templates"), nil)
	if set == nil {
		return phonesapi.Room{}, errors.Join(errs...)
	}
	families := func() *family.Set { return set }
	v := newInventory(cfg, db, phoneUsers{directory: users}, keeper, families, log)
	return phonesapi.Room{Inventory: v, Directory: users, Families: families}, v.Load(ctx)
}

// phonesRoom is what can be done with phones while the server runs.
func (s *Server) phonesRoom() phonesapi.Room {
	return phonesapi.Room{Inventory: s.phones.inventory, Directory: s.directory, Families: s.phones.families.Load, Desk: s.phones.desk,
		Registered: s.registeredLines, Prepare: s.preparePhone, Waiting: s.phones.waiting,
		Links: s.phones.links, FilesURL: func() string { return s.phones.place.Load().URL }}
}

// registeredLines tells which lines of a phone are registered: by the device
// secrets that were made for them.
func (s *Server) registeredLines(p *sipphone.Phone) []bool {
	out := make([]bool, len(p.Lines))
	for i, l := range p.Lines {
		device := p.MAC.Device(i + 1)
		out[i] = slices.ContainsFunc(s.location.Bindings(l.User), func(b location.Binding) bool { return b.Device == device })
	}
	return out
}

// guessing reports an address that asks for the files of others.
func (s *Server) guessing(from netip.Addr, until time.Time) {
	s.phones.guessers.Add(1)
	s.log.Warn("address asks for the files of many phones and is shut out", "peer", from, "until", until)
	s.state.Tell("phone.guessing", op.Resource("phones", "guessers", from.String()), access.Read("phones"), func() any {
		return map[string]any{"from": from.String(), "until": until}
	})
}

// preparePhone finds how a phone is told to fetch its files again, or to restart.
func (s *Server) preparePhone(mac sipphone.MAC, what notify.What) (func(context.Context) (int, error), error) {
	p, err := s.phones.inventory.Get(mac)
	if err != nil {
		return nil, err
	}
	f := s.phones.families.Load().Family(p.Family)
	if f == nil {
		return nil, fmt.Errorf("family %q: %w: this program does not know it", p.Family, sipphone.ErrInvalid)
	}
	return s.phones.notifier.Prepare(&p, f, what), nil
}

// loadFamilies reads the families and the operator's templates. A wrong template
// is reported and the one before stays.
func (s *Server) loadFamilies(cfg *Config) error {
	set, errs := family.Load(cfg.phonesFolder(cfg.Phones.Templates, "templates"), s.phones.families.Load())
	if set == nil {
		return errors.Join(errs...)
	}
	for _, err := range errs {
		s.log.Error("template of phones not used", "err", err)
	}
	s.phones.families.Store(set)
	policies, err := output.Load(cfg.phonesFolder(cfg.Phones.Templates, "templates"))
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
func (s *Server) reloadPhones(cfg *Config) error {
	if err := s.loadFamilies(cfg); err != nil {
		return err
	}
	place := s.phonePlace(cfg)
	s.phones.place.Store(&place)
	return nil
}

// phonePlace is what all phones are told.
func (s *Server) phonePlace(cfg *Config) family.Place {
	p := cfg.Phones
	place := family.Place{Domain: cfg.Domains[0], Ports: make(map[string]int), Transport: p.Transport, Expires: cfg.Registrar.DefaultExpires,
		NTP: p.NTP, Timezone: p.Timezone, Language: p.Language, Country: cfg.Numbers.Country,
		Voicemail: p.Voicemail, Pickup: p.Pickup, Park: p.Park, Intercom: p.Intercom}
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
	place.OldURL = base("https", p.OldTLS, name)
	if !strings.HasSuffix(place.URL, "/") {
		place.URL += "/"
	}
	if p.TFTP != "" {
		place.TFTP = place.Host
	}
	if b, err := os.ReadFile(filepath.Join(cfg.Data, "ca.pem")); err == nil && cfg.TLS.Certificate == "" {
		place.CA = string(b)
	}
	return place
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

// phonebook is who can be called from a phone: the users of its domain.
func (s *Server) phonebook(sipphone.Phone) []provision.Entry {
	var list []provision.Entry
	for u := range s.directory.After("") {
		if !u.Enabled {
			continue
		}
		list = append(list, provision.Entry{Name: cmp.Or(u.DisplayName, u.AOR.User()), Number: cmp.Or(u.Extension, u.AOR.User())})
		if len(list) == 1000 {
			break
		}
	}
	return list
}

// phoneUsers is directory and location as the inventory sees them. There is no
// location while no server runs.
type phoneUsers struct {
	directory *directory.Directory
	location  *location.Location
}

// Known implements inventory.Users.
func (u phoneUsers) Known(aor rtc.AOR) bool {
	_, ok := u.directory.User(aor)
	return ok
}

// SetDevice implements inventory.Users.
func (u phoneUsers) SetDevice(ctx context.Context, aor rtc.AOR, device, password string) error {
	return u.directory.SetDevice(ctx, aor, device, password)
}

// RevokeDevice implements inventory.Users.
func (u phoneUsers) RevokeDevice(ctx context.Context, aor rtc.AOR, device string) error {
	err := u.directory.RevokeDevice(ctx, aor, device)
	if errors.Is(err, directory.ErrUnknownDevice) || errors.Is(err, directory.ErrUnknownUser) {
		err = nil
	}
	if err == nil && u.location != nil {
		_, err = u.location.Remove(ctx, aor, func(b *location.Binding) bool { return b.Device == device })
	}
	return err
}

// listenPhones opens the listeners that the configuration names.
func (s *Server) listenPhones(cfg *Config) error {
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

func (s *Server) listenFiles(cfg *Config, addr string, way provision.Way) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w; choose another port, or \"\" for none", err)
	}
	limited := front.NewListener(l, maxPhoneConns)
	s.phones.listening[string(way)] = l.Addr().String()
	s.phones.closers = append(s.phones.closers, func() error { limited.Close(); return nil })
	server := &http.Server{Handler: limited.Handler(s.filesHandler(way)), ConnContext: limited.Context, ErrorLog: quiet(s.log),
		ReadHeaderTimeout: provision.ReadHeaderTimeout, ReadTimeout: provision.ReadTimeout, WriteTimeout: provision.WriteTimeout,
		IdleTimeout: provision.IdleTimeout, MaxHeaderBytes: 8 << 10}
	listener := net.Listener(limited)
	if way != provision.HTTP {
		t, err := s.phoneTLS(cfg, way)
		if err != nil {
			return err
		}
		listener = tls.NewListener(limited, t)
	}
	s.phones.serve = append(s.phones.serve, func(ctx context.Context) error { return serveHTTP(ctx, server, listener) })
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

// softphone makes a device for a softphone and tells what to set.
func (s *Server) softphone(ctx context.Context, user rtc.AOR) (invite.Account, error) {
	name, password, err := s.directory.AddDevice(ctx, user, "softphone-"+time.Now().UTC().Format("20060102-150405.000"))
	if err != nil {
		s.log.Error("making a device for a softphone", "aor", user, "err", err)
		return invite.Account{}, err
	}
	place := s.phones.place.Load()
	a := invite.Account{User: name, Domain: user.Domain(), Password: password, Host: place.Host, Expires: place.Expires}
	a.Name, _ = s.person(user)
	for _, a.Transport = range []string{"tls", "tcp", "udp"} {
		if a.Port = place.Ports[a.Transport]; a.Port != 0 {
			break
		}
	}
	return a, nil
}

// phoneTLS asks for a certificate where makers' CAs are known, and takes none as
// well: a phone may have a password instead.
func (s *Server) phoneTLS(cfg *Config, way provision.Way) (*tls.Config, error) {
	if s.cert.current.Load() == nil {
		if err := s.cert.load(cfg); err != nil {
			return nil, err
		}
	}
	t, err := s.cert.server("")
	if err != nil {
		return nil, err
	}
	if cfg.Phones.ClientCA != "" {
		b, err := os.ReadFile(cfg.Phones.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("reading phones.client_ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("phones.client_ca: %s holds no PEM certificate", cfg.Phones.ClientCA)
		}
		t.ClientCAs, t.ClientAuth = pool, tls.VerifyClientCertIfGiven
	}
	if way == provision.OldTLS {
		t.MinVersion = tls.VersionTLS10
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			if !strings.Contains(suite.Name, "RC4") {
				t.CipherSuites = append(t.CipherSuites, suite.ID)
			}
		}
	}
	return t, nil
}

// runPhones serves the listeners and keeps what phones were seen doing.
func (s *Server) runPhones(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	jobs := append([]func(context.Context) error{s.phones.inventory.Run, s.phones.desk.Run}, s.phones.serve...)
	errs := make([]error, len(jobs))
	for i, job := range jobs {
		wg.Go(func() {
			if errs[i] = job(ctx); errs[i] != nil {
				stop()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (p *phones) close() error {
	var errs []error
	for _, f := range p.closers {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

func (s *Server) phoneMetrics(m meter) {
	m.gauge("phones", "Desk phones in the inventory", float64(s.phones.inventory.Count()))
	m.gauge("phones_unknown", "Devices that asked for files and wait to be adopted", float64(len(s.phones.inventory.Inbox())))
	m.counter("phones_guessers_total", "Addresses shut out for asking for the files of others", s.phones.guessers.Load())
}
