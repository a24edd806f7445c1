// Package phoneroom puts desk phones among the other rooms: who has them is the
// directory's, how they are reached the location's, what their users want the call
// settings'; sipphone knows none of these. It owns the inventory, the desk that gives
// files, and what phones are told: settings, messages that wait, shared lines, logins by
// dialling. It decides how requests to a phone are written; it leads no calls.
package phoneroom

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

	"tandem/cmd/tandem/api/admin"
	phonesapi "tandem/cmd/tandem/api/phones"
	"tandem/cmd/tandem/certs"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/phonefiles"
	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/directory"
	"tandem/rtc/event"
	"tandem/rtc/location"
	"tandem/rtc/reach"
	"tandem/rtc/store"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
	"tandem/sipphone"
	"tandem/sipphone/appearance"
	"tandem/sipphone/family"
	"tandem/sipphone/features"
	"tandem/sipphone/hotdesk"
	"tandem/sipphone/inventory"
	"tandem/sipphone/invite"
	"tandem/sipphone/notify"
	"tandem/sipphone/output"
	"tandem/sipphone/provision"
	"tandem/sipphone/secret"
	phonestore "tandem/sipphone/sqlstore"
	"tandem/sipphone/waiting"
	"tandem/telephony/settings"
)

// Config is what the room needs that is there before it.
type Config struct {
	Store     *store.DB
	Key       []byte // of the data folder
	Directory *directory.Directory
	Location  *location.Location
	Transport *transport.Transport
	Cert      *certs.Certificate
	State     *admin.State // told of what happens
	Resolve   func(rtc.AOR) (rtc.AOR, bool)
	Ours      func(host []byte, port uint16) bool // a domain or address of this server
	Domain    string                              // the default one
	Log       *slog.Logger
}

// Rooms are those that it tells, and by which phones are reached.
type Rooms struct {
	Reach    *reach.Reach
	Send     func(uac.Outside, func(uac.Reply)) error // a request outside dialogs
	Contacts *contacts.Book
	Settings *settings.Table
	Events   *event.Notifier
}

// Room is all there is of desk phones. Make it with New; the handlers that ask it stand
// before the rooms it needs, so it is opened after them, and before any request.
type Room struct {
	Features  *features.Sync // do-not-disturb and forwarding, as phones read and set them
	Inventory *inventory.Inventory
	Desk      *provision.Desk
	Waiting   *waiting.Board
	Links     *invite.Links
	Hotdesk   *hotdesk.Desk
	Shared    *appearance.Board // what shared lines do
	Files     *phonefiles.Listeners

	c        Config
	rooms    Rooms
	notifier *notify.Notifier
	told     sync.WaitGroup // phones that are being told of a login
	output   atomic.Pointer[output.Set]
	families atomic.Pointer[family.Set]
	place    atomic.Pointer[family.Place]
	guessers atomic.Uint64
}

// New makes the room as far as handlers of requests need it.
func New(c Config) *Room {
	r := &Room{c: c}
	r.Features = features.New(phoneSettings{r}, c.Resolve, func(device string) bool {
		policy, ok := r.policyOf(device)
		return ok && policy.Features == output.RemoteCC
	})
	return r
}

// Open reads what is kept and opens the listeners.
func (r *Room) Open(ctx context.Context, cfg *config.Config, rooms Rooms) error {
	r.rooms = rooms
	if err := r.loadFamilies(cfg); err != nil {
		return err
	}
	if cfg.Phones.HTTPS != "" || cfg.Phones.OldTLS != "" {
		if err := r.c.Cert.Need(cfg); err != nil {
			return err
		}
	}
	r.setPlace(cfg)
	keeper, err := secret.New(r.c.Key)
	if err != nil {
		return err
	}
	networks, err := config.Prefixes(cfg.Phones.Networks)
	if err != nil {
		return err
	}
	r.Inventory = newInventory(cfg, r.c.Store, phoneUsers{r.c.Directory, r.c.Location}, keeper, r.families.Load, r.c.Log)
	if err := r.Inventory.Load(ctx); err != nil {
		return err
	}
	r.Desk, err = provision.New(provision.Config{
		Inventory: r.Inventory, Secrets: keeper, Families: r.families.Load, Place: r.place.Load,
		Person: r.person, Book: r.phonebook, Networks: networks, Guessing: r.guessing, Twice: r.phoneTwice,
		Files: cfg.PhonesFolder(cfg.Phones.Files, "files"), Uploads: filepath.Join(cfg.Data, "phones", "uploads"), Log: r.c.Log,
	})
	if err != nil {
		return err
	}
	r.notifier = notify.New(notify.Config{
		Ways: func(aor rtc.AOR, device string) []reach.Way { return rooms.Reach.Ways(aor, reach.Want{Device: device}) },
		Send: rooms.Send, Shape: r.ShapeOf, Secrets: r.Inventory.Secrets, Domain: r.c.Domain, Log: r.c.Log,
	})
	r.Links = invite.New(invite.Config{Account: r.softphone})
	r.Waiting = waiting.New(waiting.Config{
		Store:   phonestore.NewWaiting(r.c.Store),
		Changed: func(user rtc.AOR) { rooms.Events.Changed(user, waiting.Name) }, Push: r.pushSummary,
	})
	if err := r.Waiting.Load(ctx); err != nil {
		return err
	}
	if err := r.openHotdesk(ctx, keeper); err != nil {
		return err
	}
	rooms.Events.Add(r.Waiting.Package())
	r.showShared()
	r.showFeatures()
	r.Files, err = phonefiles.Listen(cfg, phonefiles.Config{Desk: r.Desk, Links: r.Links, Cert: r.c.Cert, Log: r.c.Log})
	return err
}

// pushSummary tells those of a user's phones that subscribe to nothing and yet
// expect to be told.
func (r *Room) pushSummary(user rtc.AOR, c waiting.Counts) {
	for _, mac := range r.Inventory.Of(user) {
		if phone, err := r.Inventory.Get(mac); err == nil {
			for i := range phone.Lines {
				r.pushTo(mac, i, user, c)
			}
		}
	}
}

// pushTo tells a line of a phone, counted from 0, when it is the user's and expects to
// be told.
func (r *Room) pushTo(mac sipphone.MAC, line int, user rtc.AOR, c waiting.Counts) {
	phone, err := r.Inventory.Get(mac)
	if err != nil || line >= len(phone.Lines) || phone.Lines[line].User != user {
		return
	}
	if policy := r.output.Load().Of(phone.Family); policy.Unsolicited {
		r.notifier.Push(&phone, line, waiting.Name, waiting.Type, waiting.Summary(user, c))
	}
}

func newInventory(cfg *config.Config, db *store.DB, users phoneUsers, keeper *secret.Keeper, families func() *family.Set, log *slog.Logger) *inventory.Inventory {
	return inventory.New(inventory.Config{
		Store: phonestore.New(db), Users: users, Secrets: keeper, Families: families,
		Window: cfg.Phones.Window, PerUser: min(cfg.Registrar.MaxBindings, directory.MaxSecrets/2), Log: log,
	})
}

// Offline is what can be done with phones while no server runs.
func Offline(ctx context.Context, cfg *config.Config, db *store.DB, key []byte, users *directory.Directory, log *slog.Logger) (phonesapi.Room, error) {
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

// API is what can be done with phones while the server runs.
func (r *Room) API() phonesapi.Room {
	return phonesapi.Room{Inventory: r.Inventory, Directory: r.c.Directory, Families: r.families.Load, Desk: r.Desk,
		Registered: r.Registered, Prepare: r.prepare, Waiting: r.Waiting,
		Links: r.Links, Hotdesk: r.Hotdesk, FilesURL: func() string { return r.place.Load().URL }}
}

// Families are those that are known now.
func (r *Room) Families() *family.Set { return r.families.Load() }

// Place is what all phones are told now.
func (r *Room) Place() *family.Place { return r.place.Load() }

// Guessers is how many addresses were shut out for asking for the files of others, and
// phones for trying PINs.
func (r *Room) Guessers() uint64 { return r.guessers.Load() }

// Registered tells which lines of a phone are registered: by the device
// secrets that were made for them.
func (r *Room) Registered(p *sipphone.Phone) []bool {
	out := make([]bool, len(p.Lines))
	for i, l := range p.Lines {
		device := p.MAC.Device(i + 1)
		out[i] = slices.ContainsFunc(r.c.Location.Bindings(l.User), func(b location.Binding) bool { return b.Device == device })
	}
	return out
}

// prepare finds how a phone is told to fetch its files again, or to restart.
func (r *Room) prepare(mac sipphone.MAC, what notify.What) (func(context.Context) (int, error), error) {
	p, err := r.Inventory.Get(mac)
	if err != nil {
		return nil, err
	}
	f := r.families.Load().Family(p.Family)
	if f == nil {
		return nil, fmt.Errorf("family %q: %w: this program does not know it", p.Family, sipphone.ErrInvalid)
	}
	return r.notifier.Prepare(&p, f, what), nil
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
		_, err = u.location.Remove(ctx, aor, location.Rejected, func(b *location.Binding) bool { return b.Device == device })
	}
	return err
}

// softphone makes a device for a softphone and tells what to set.
func (r *Room) softphone(ctx context.Context, user rtc.AOR) (invite.Account, error) {
	name, password, err := r.c.Directory.AddDevice(ctx, user, "softphone-"+time.Now().UTC().Format("20060102-150405.000"))
	if err != nil {
		r.c.Log.Error("making a device for a softphone", "aor", user, "err", err)
		return invite.Account{}, err
	}
	place := r.place.Load()
	a := invite.Account{User: name, Domain: user.Domain(), Password: password, Host: place.Host, Expires: place.Expires}
	a.Name, _ = r.person(user)
	for _, a.Transport = range []string{"tls", "tcp", "udp"} {
		if a.Port = place.Ports[a.Transport]; a.Port != 0 {
			break
		}
	}
	return a, nil
}

// Run serves the listeners and keeps what phones were seen doing.
func (r *Room) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	jobs := append([]func(context.Context) error{r.Inventory.Run, r.Desk.Run}, r.Files.Jobs()...)
	errs := make([]error, len(jobs))
	for i, job := range jobs {
		wg.Go(func() {
			if errs[i] = job(ctx); errs[i] != nil {
				stop()
			}
		})
	}
	wg.Wait()
	r.told.Wait()
	return errors.Join(errs...)
}

// Close ends the listeners, also of a room that was opened in part or never run.
func (r *Room) Close() error {
	var errs []error
	if r.Desk != nil {
		errs = append(errs, r.Desk.Close())
	}
	if r.Files != nil {
		errs = append(errs, r.Files.Close())
	}
	return errors.Join(errs...)
}
