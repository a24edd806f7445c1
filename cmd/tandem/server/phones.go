package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	phonesapi "tandem/cmd/tandem/api/phones"
	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/location"
	"tandem/rtc/reach"
	"tandem/rtc/store"
	"tandem/sipphone"
	"tandem/sipphone/appearance"
	"tandem/sipphone/family"
	"tandem/sipphone/hotdesk"
	"tandem/sipphone/inventory"
	"tandem/sipphone/invite"
	"tandem/sipphone/notify"
	"tandem/sipphone/output"
	"tandem/sipphone/provision"
	"tandem/sipphone/secret"
	phonestore "tandem/sipphone/sqlstore"
	"tandem/sipphone/waiting"
)

// phones is the room of desk phones with its listeners.
type phones struct {
	inventory *inventory.Inventory
	desk      *provision.Desk
	notifier  *notify.Notifier
	waiting   *waiting.Board
	links     *invite.Links
	hotdesk   *hotdesk.Desk
	shared    *appearance.Board // what shared lines do
	told      sync.WaitGroup    // phones that are being told of a login
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

func (s *Server) openPhones(ctx context.Context, cfg *config.Config) error {
	p := &phones{listening: make(map[string]string)}
	s.phones = p
	if err := s.loadFamilies(cfg); err != nil {
		return err
	}
	if cfg.Phones.HTTPS != "" || cfg.Phones.OldTLS != "" {
		if err := s.cert.Need(cfg); err != nil {
			return err
		}
	}
	place := s.phonePlace(cfg)
	p.place.Store(&place)
	keeper, err := secret.New(s.key)
	if err != nil {
		return err
	}
	networks, err := config.Prefixes(cfg.Phones.Networks)
	if err != nil {
		return err
	}
	p.inventory = newInventory(cfg, s.store, phoneUsers{s.directory, s.location}, keeper, p.families.Load, s.log)
	if err := p.inventory.Load(ctx); err != nil {
		return err
	}
	p.desk, err = provision.New(provision.Config{
		Inventory: p.inventory, Secrets: keeper, Families: p.families.Load, Place: p.place.Load,
		Person: s.person, Book: s.phonebook, Networks: networks, Guessing: s.guessing, Twice: s.phoneTwice,
		Files: cfg.PhonesFolder(cfg.Phones.Files, "files"), Uploads: filepath.Join(cfg.Data, "phones", "uploads"), Log: s.log,
	})
	if err != nil {
		return err
	}
	p.closers = append(p.closers, p.desk.Close)
	p.notifier = notify.New(notify.Config{
		Ways: func(aor rtc.AOR, device string) []reach.Way { return s.reach.Ways(aor, reach.Want{Device: device}) },
		Send: s.exchange.Send, Shape: s.shapeOf, Secrets: p.inventory.Secrets, Domain: cfg.Domains[0], Log: s.log,
	})
	p.links = invite.New(invite.Config{Account: s.softphone})
	p.waiting = waiting.New(waiting.Config{
		Store:   phonestore.NewWaiting(s.store),
		Changed: func(user rtc.AOR) { s.events.Changed(user, waiting.Name) }, Push: s.pushSummary,
	})
	if err := p.waiting.Load(ctx); err != nil {
		return err
	}
	if err := s.openHotdesk(ctx, keeper); err != nil {
		return err
	}
	s.events.Add(p.waiting.Package())
	s.showShared()
	s.showFeatures()
	return s.listenPhones(cfg)
}

// PhoneFiles is where phones get their files by a way, "http", "https" or "tftp"; ""
// where it is off.
func (s *Server) PhoneFiles(way string) string { return s.phones.listening[way] }

// pushSummary tells those of a user's phones that subscribe to nothing and yet
// expect to be told.
func (s *Server) pushSummary(user rtc.AOR, c waiting.Counts) {
	for _, mac := range s.phones.inventory.Of(user) {
		if phone, err := s.phones.inventory.Get(mac); err == nil {
			for i := range phone.Lines {
				s.pushTo(mac, i, user, c)
			}
		}
	}
}

// pushTo tells a line of a phone, counted from 0, when it is the user's and expects to
// be told.
func (s *Server) pushTo(mac sipphone.MAC, line int, user rtc.AOR, c waiting.Counts) {
	phone, err := s.phones.inventory.Get(mac)
	if err != nil || line >= len(phone.Lines) || phone.Lines[line].User != user {
		return
	}
	if policy := s.phones.output.Load().Of(phone.Family); policy.Unsolicited {
		s.phones.notifier.Push(&phone, line, waiting.Name, waiting.Type, waiting.Summary(user, c))
	}
}

func newInventory(cfg *config.Config, db *store.DB, users phoneUsers, keeper *secret.Keeper, families func() *family.Set, log *slog.Logger) *inventory.Inventory {
	return inventory.New(inventory.Config{
		Store: phonestore.New(db), Users: users, Secrets: keeper, Families: families,
		Window: cfg.Phones.Window, PerUser: min(cfg.Registrar.MaxBindings, directory.MaxSecrets/2), Log: log,
	})
}

// offlinePhones is what can be done with phones while no server runs.
func offlinePhones(ctx context.Context, cfg *config.Config, db *store.DB, key []byte, users *directory.Directory, log *slog.Logger) (phonesapi.Room, error) {
	keeper, err := secret.New(key)
	if err != nil {
		return phonesapi.Room{}, err
	}
	set, errs := family.Load(cfg.PhonesFolder(cfg.Phones.Templates, "templates"), nil)
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
		Links: s.phones.links, Hotdesk: s.phones.hotdesk, FilesURL: func() string { return s.phones.place.Load().URL }}
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
	s.phones.told.Wait()
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
