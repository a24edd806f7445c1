package provision

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/sipphone"
	"tandem/sipphone/family"
	"tandem/sipphone/guard"
	"tandem/sipphone/inventory"
	"tandem/sipphone/phonebook"
	"tandem/sipphone/secret"
)

// Config of a Desk.
type Config struct {
	Inventory *inventory.Inventory
	Secrets   *secret.Keeper
	Families  func() *family.Set
	Place     func() *family.Place
	// Person tells the display name of a user and the number others dial.
	Person func(rtc.AOR) (name, number string)
	// Book makes the phonebook of a phone; nil for none.
	Book     func(context.Context, sipphone.Phone) []phonebook.Entry
	Networks []netip.Prefix // where phones are
	Files    string         // folder of firmware, ring tones and the like; "" for none
	Uploads  string         // folder of what phones send
	// Guessing is told of an address that asks for the files of others.
	Guessing func(from netip.Addr, until time.Time)
	// Twice is told of a device that asks for the files of a phone which another has
	// had within the same window.
	Twice func(mac sipphone.MAC, first, second netip.Addr)
	Log   *slog.Logger
}

// Desk decides who gets which file. It is safe for concurrent use.
type Desk struct {
	cfg    Config
	guard  *guard.Guard
	takers guard.Takers
	served ledger
	files  *os.Root
}

// New makes a Desk.
func New(cfg Config) (*Desk, error) {
	d := &Desk{cfg: cfg, guard: guard.New(cfg.Guessing), served: newLedger()}
	if cfg.Files != "" {
		_ = os.MkdirAll(cfg.Files, 0o700) // so that files can be put there while the server runs
		root, err := os.OpenRoot(cfg.Files)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("opening the folder of files for phones: %w", err)
		}
		d.files = root
	}
	return d, nil
}

// Close closes the folder of files.
func (d *Desk) Close() error {
	if d.files == nil {
		return nil
	}
	return d.files.Close()
}

// Run writes down which files phones got, until ctx ends.
func (d *Desk) Run(ctx context.Context) error { return d.served.run(ctx, d.cfg.Inventory, d.cfg.Log) }

// Way is how a request came.
type Way string

// The ways.
const (
	HTTPS  Way = "https"
	OldTLS Way = "old-tls"
	HTTP   Way = "http"
	TFTP   Way = "tftp"
)

// private reports whether nobody on the way reads along.
func (w Way) private() bool { return w == HTTPS || w == OldTLS }

// Request is what somebody asks for.
type Request struct {
	Path           string // as asked, without the query
	Query          string // MAC in the query, "" for none
	Agent          string // User-Agent
	From           netip.Addr
	Way            Way
	User, Password string       // "" for none
	Certified      sipphone.MAC // by a client certificate, "" for none
}

// Document is a file for a phone.
type Document struct {
	io.ReadSeeker
	Name    string
	Type    string
	Changed time.Time
	close   func() error
}

// Close ends the use of a Document.
func (f *Document) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

// refusal is why a file is not given.
type refusal struct {
	Status int    // of HTTP
	Why    string // for the log and the one who asks; it tells nothing about phones
}

func (r *refusal) Error() string { return r.Why }

// The refusals.
var (
	errNotFound = &refusal{404, "there is no such file"}
	errProof    = &refusal{401, "show that you are the phone: by its certificate or password, or within the window after it was added or told to resync"}
	errNetwork  = &refusal{403, "the address is not in a network of phones (phones.networks)"}
	errMismatch = &refusal{403, "the file is that of another phone"}
	errTwice    = &refusal{403, "another device with this MAC has had its files; have the phone resync to open the window again"}
	errGuessing = &refusal{429, "too many requests for files of others; wait ten minutes"}
	errTooLarge = &refusal{413, "the file is larger than a phone may send"}
	errBusy     = &refusal{503, "the file could not be made; ask again"}
)

// asked is what a Request turns out to be about.
type asked struct {
	Request
	path   string
	mac    sipphone.MAC // the phone it is about, "" when it does not say
	agent  family.Agent
	family *family.Family // by User-Agent, path or MAC; nil when unknown
	phone  *sipphone.Phone
	word   string // the secret in the path of a phonebook
	proof  string // how it proved to be the phone
}

// Get finds and makes a file.
func (d *Desk) Get(ctx context.Context, r Request) (*Document, error) {
	start := time.Now()
	a, err := d.look(r)
	var doc *Document
	if err == nil {
		doc, err = d.get(ctx, a)
	}
	d.log(a, "file given to a phone", err, start)
	return doc, err
}

// look finds out what is asked for, and by whom.
func (d *Desk) look(r Request) (*asked, error) {
	a := &asked{Request: r}
	p, ok := clean(r.Path)
	if !ok {
		d.guard.Strike(r.From, "path")
		return a, errNotFound
	}
	a.path = p
	a.hideBook()
	families := d.cfg.Families()
	if f, found, ok := families.ByPath(a.path); ok && a.word == "" {
		a.family, a.mac = f, found.MAC
	}
	if f, agent, ok := families.ByAgent(r.Agent); ok {
		a.agent = agent
		if a.family == nil || a.mac == "" {
			a.family = f
		}
	}
	if q, err := sipphone.ParseMAC(r.Query); err == nil && a.mac == "" {
		a.mac = q
	}
	if a.mac == "" {
		a.mac = uploadOf(families, a.path)
	}
	a.mac = cmp.Or(a.mac, a.agent.MAC, r.Certified)
	if phone, err := d.cfg.Inventory.Get(a.mac); err == nil {
		a.phone, a.family = &phone, families.Family(phone.Family)
	}
	// What a phone says of itself in several places must be the same.
	if a.agent.MAC != "" && a.agent.MAC != a.mac || r.Certified != "" && r.Certified != a.mac {
		d.guard.Strike(r.From, string(a.mac))
		return a, errMismatch
	}
	return a, nil
}

func uploadOf(families *family.Set, p string) sipphone.MAC {
	for _, f := range families.All() {
		if _, mac, ok := f.Upload(p); ok {
			return mac
		}
	}
	return ""
}

// clean takes a path that is what it seems: no escapes, no way up, no tricks.
func clean(p string) (string, bool) {
	p = strings.TrimLeft(p, "/")
	if p == "" || len(p) > 200 || strings.Count(p, "/") > 8 {
		return "", false
	}
	for i := 0; i < len(p); i++ {
		if c := p[i]; c <= ' ' || c > '~' || strings.IndexByte(`%\"<>|:*?`, c) >= 0 {
			return "", false
		}
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." {
			return "", false
		}
	}
	return p, true
}

func (d *Desk) get(ctx context.Context, a *asked) (*Document, error) {
	if a.phone != nil {
		if file, found, ok := a.family.File(a.path); ok && (found.MAC == "" || found.MAC == a.mac) {
			if file.Personal() {
				return d.personal(ctx, a, file, found)
			}
			return d.common(a, file, found)
		}
		if doc, err := d.extra(ctx, a); doc != nil || err != nil {
			return doc, err
		}
		return d.file(a)
	}
	if a.mac != "" {
		return nil, d.unknown(a)
	}
	if a.family != nil {
		if file, found, ok := a.family.File(a.path); ok && !file.Personal() {
			return d.common(a, file, found)
		}
	}
	return d.file(a)
}

// unknown puts a device that nobody added into the inbox.
func (d *Desk) unknown(a *asked) error {
	if !d.near(a.From) || a.Way == "" {
		d.guard.Strike(a.From, string(a.mac))
		return errNotFound
	}
	if d.guard.Strike(a.From, string(a.mac)) {
		return errGuessing
	}
	u := inventory.Unknown{MAC: a.mac, Model: a.agent.Model, Agent: short(a.Agent), From: a.From.String(), File: a.path}
	families := d.cfg.Families()
	if f, _, ok := families.ByAgent(a.Agent); ok {
		u.Family = f.Name
	} else if f := families.ByOUI(a.mac); f != nil {
		u.Family = f.Name
	} else if a.family != nil {
		u.Family = a.family.Name
	}
	d.cfg.Inventory.Ask(u)
	return errNotFound
}

func short(s string) string {
	s = strings.ToValidUTF8(s, "?")
	return s[:min(len(s), 160)]
}

// near reports whether an address is in a network of phones.
func (d *Desk) near(a netip.Addr) bool {
	return slices.ContainsFunc(d.cfg.Networks, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// narrow is for how long the window stays open after a phone got its passwords:
// it asks for further files, and restarts in between.
const narrow = 10 * time.Minute

// personal gives a phone a file of its own.
func (d *Desk) personal(ctx context.Context, a *asked, file *family.File, found family.Found) (*Document, error) {
	if err := d.prove(a); err != nil {
		return nil, err
	}
	if a.proof == byWindow && file.Secret {
		if err := d.take(ctx, a); err != nil {
			return nil, err
		}
	}
	ask := d.ask(*a.phone, cmp.Or(found.Model, a.agent.Model))
	b, err := a.family.Render(file, &ask, d.cfg.Place())
	if err != nil {
		d.cfg.Log.Error("making a file for a phone", "mac", a.mac, "path", a.path, "err", err)
		return nil, errBusy
	}
	d.served.note(a.mac, file.Path(a.phone), b, ask.Hidden())
	d.note(a)
	return document(file, b), nil
}

// take notes who takes the passwords of a phone by its window, which closes soon then.
func (d *Desk) take(ctx context.Context, a *asked) error {
	err := d.cfg.Inventory.Narrow(ctx, a.mac, narrow)
	phone, gone := d.cfg.Inventory.Get(a.mac)
	if err = errors.Join(err, gone); err != nil {
		d.cfg.Log.Error("closing the window of a phone", "mac", a.mac, "err", err)
		return errBusy
	}
	if first, ok := d.takers.Take(a.mac, a.From, phone.Window); !ok {
		return d.twice(a, first)
	}
	return nil
}

// twice refuses and reports a second device with one MAC.
func (d *Desk) twice(a *asked, first netip.Addr) error {
	d.guard.Strike(a.From, string(a.mac))
	if d.cfg.Twice != nil {
		d.cfg.Twice(a.mac, first, a.From)
	}
	return errTwice
}

func document(file *family.File, b []byte) *Document {
	return &Document{ReadSeeker: bytes.NewReader(b), Name: file.Name, Type: cmp.Or(file.Type, "application/octet-stream")}
}

// common gives a file that holds nothing of a phone.
func (d *Desk) common(a *asked, file *family.File, found family.Found) (*Document, error) {
	if err := d.admit(a); err != nil {
		return nil, err
	}
	b, err := a.family.Render(file, &family.Asked{Model: cmp.Or(found.Model, a.agent.Model)}, d.cfg.Place())
	if err != nil {
		d.cfg.Log.Error("making a file for phones", "path", a.path, "err", err)
		return nil, errBusy
	}
	d.note(a)
	return document(file, b), nil
}

// admit lets those to common files who are near or have proved who they are.
func (d *Desk) admit(a *asked) error {
	if a.phone != nil && d.known(a) {
		return nil
	}
	if !d.near(a.From) {
		return errNetwork
	}
	if d.guard.Blocked(a.From) {
		return errGuessing
	}
	return nil
}

// How somebody proves to be the phone.
const (
	byCertificate = "certificate"
	byPassword    = "password"
	byWindow      = "window"
	byLink        = "link"
)

// known reports whether the request itself proves whose it is. A password counts
// only where nobody can read along, the path of a phonebook also where phones are.
func (d *Desk) known(a *asked) bool {
	switch {
	case a.Certified != "" && a.Certified == a.phone.MAC:
		a.proof = byCertificate
	case a.Way.private() && a.Password != "" && d.isUser(a) && d.cfg.Secrets.Opens(a.phone.MAC, a.phone.Generation, a.Password):
		a.proof = byPassword
	case a.word != "" && (a.Way.private() || d.near(a.From)) && d.cfg.Secrets.OpensBook(a.phone.MAC, a.phone.Generation, a.word):
		a.proof = byLink
	}
	return a.proof != ""
}

func (d *Desk) isUser(a *asked) bool {
	mac, err := sipphone.ParseMAC(a.User)
	return err == nil && mac == a.phone.MAC
}

// prove demands that the phone itself asks.
func (d *Desk) prove(a *asked) error {
	if d.known(a) {
		return nil
	}
	if a.Password+a.word != "" {
		d.guard.Strike(a.From, "password "+a.Password+a.word)
	}
	switch {
	case d.guard.Blocked(a.From):
		return errGuessing
	case !d.near(a.From):
		d.guard.Strike(a.From, string(a.mac))
		return errNetwork
	case !time.Now().Before(a.phone.Window) || a.Password+a.word != "":
		d.guard.Strike(a.From, string(a.mac))
		return errProof
	}
	if first, ok := d.takers.May(a.mac, a.From, a.phone.Window); !ok {
		return d.twice(a, first)
	}
	a.proof = byWindow
	return nil
}

// ask is what a file of a phone is made of.
func (d *Desk) ask(p sipphone.Phone, model string) family.Asked {
	ask := family.Asked{Phone: p, Secrets: d.cfg.Inventory.Secrets(&p), Password: d.cfg.Secrets.Files(p.MAC, p.Generation), Model: model, SRTP: true}
	if d.cfg.Book != nil {
		ask.BookWord = d.cfg.Secrets.Book(p.MAC, p.Generation)
		ask.Book = bookPath(p.MAC, ask.BookWord)
	}
	for _, l := range p.Lines {
		name, number := d.cfg.Person(l.User)
		ask.Names, ask.Numbers = append(ask.Names, name), append(ask.Numbers, number)
	}
	return ask
}

// note remembers what the phone did. Only what is proved counts as seen.
func (d *Desk) note(a *asked) {
	if a.phone == nil || a.proof == "" {
		return
	}
	d.cfg.Inventory.Note(inventory.Seen{MAC: a.mac, Agent: short(a.Agent), Model: cmp.Or(a.agent.Model, a.phone.Model), Firmware: a.agent.Firmware,
		From: a.From.String(), File: a.path, Fetched: time.Now(), Login: a.proof})
}

func (d *Desk) log(a *asked, what string, err error, start time.Time) {
	attrs := []any{"mac", a.mac, "peer", a.From, "method", a.Way, "path", short(a.Path), "dur", time.Since(start).Round(time.Microsecond)}
	var refused *refusal
	switch {
	case err == nil:
		d.cfg.Log.Info(what, append(attrs, "proof", a.proof)...)
	case errors.As(err, &refused) && refused.Status == 404:
		d.cfg.Log.Info("file not given", append(attrs, "code", 404, "err", err)...)
	default:
		d.cfg.Log.Warn("file not given", append(attrs, "err", err)...)
	}
}
