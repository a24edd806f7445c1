// Package api is the interface by which the server is operated: typed operations
// under /api/v1, the same for the control socket (the administrator), for HTTPS
// (tokens with scopes) and for the command line, which is their first client.
//
// It decides nothing: each operation is one call of the room that knows. What
// operations have in common (scopes, problems, paging, entity tags, the record
// of changes) is package operation's.
//
// # A new noun
//
// Write one file named as the noun. In it, a type for what is shown, with json
// and yaml tags and a doc tag for what does not speak for itself, and a function
// that names the operations:
//
//	func (a *API) registerTrunks() {
//		op.Read(a.set, op.Op{Path: "/trunks", ID: "list-trunks", Short: "List trunks",
//			Scope: access.Read("trunks")}, a.listTrunks)
//		op.Change(a.set, op.Op{Method: http.MethodPost, Path: "/trunks", ID: "add-trunk", Short: "Add a trunk",
//			Scope: access.Write("trunks"), Status: http.StatusCreated, Event: "trunk.added"}, a.addTrunk)
//	}
//
// A function of Read gets its input and returns what is shown:
//
//	func (a *API) listTrunks(_ context.Context, in *struct{ op.Paging }) (op.Page[Trunk], error)
//
// A function of Change calls Begin before it changes anything, with the name of
// the resource and how to see it as it is, and sets After when it has changed it;
// If-Match, the audit row, the event and the webhooks follow from that:
//
//	func (a *API) addTrunk(ctx context.Context, do *op.Doing, in *struct{ Body Trunk }) (Trunk, error) {
//		if err := do.Begin(ctx, op.Resource("trunks", in.Body.Name), nil); err != nil {
//			return Trunk{}, err
//		}
//		... a.Gateways.Add(ctx, ...)
//		do.After = added
//		return added, nil
//	}
//
// An error of a room is turned into a problem by the table in problems.go: add a
// line for each kind the room has. What must wait for a running server sets
// Needs: a.running. Then add the function to nouns below, the room to Rooms, and
// run: go test ./cmd/tandem/api -run TestOpenAPI -update
//
// Values of keys that name a secret (password, secret, token) are masked in audit
// rows and events; a resource shows a secret only in the answer that made it.
package api

import (
	"context"
	"log/slog"
	"net/http"

	"tandem/cmd/tandem/api/admin"
	"tandem/cmd/tandem/api/callcontrol"
	"tandem/cmd/tandem/api/contacts"
	"tandem/cmd/tandem/api/dialling"
	"tandem/cmd/tandem/api/groups"
	"tandem/cmd/tandem/api/messages"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/phones"
	"tandem/cmd/tandem/api/pint"
	"tandem/cmd/tandem/api/presence"
	"tandem/cmd/tandem/api/problem"
	"tandem/cmd/tandem/api/records"
	apisettings "tandem/cmd/tandem/api/settings"
	"tandem/cmd/tandem/api/trunks"
	"tandem/gateways"
	"tandem/rtc"
	"tandem/rtc/auth"
	contactbook "tandem/rtc/contacts"
	"tandem/rtc/directory"
	"tandem/rtc/im"
	"tandem/rtc/location"
	"tandem/rtc/policy"
	"tandem/rtc/policy/consent"
	"tandem/rtc/proxy"
	"tandem/rtc/trace"
	"tandem/telephony"
	"tandem/telephony/cdr"
	"tandem/telephony/dialplan"
	"tandem/telephony/group"
	"tandem/telephony/guard"
	"tandem/telephony/number"
	"tandem/telephony/routing"
	"tandem/telephony/settings"
)

// Rooms are what the operations act on. With no server running Location, Silent, Gate,
// Routes, Trace, Status and Reload are nil, and what needs them answers 503.
type Rooms struct {
	*admin.State // of the API itself
	Directory    *directory.Directory
	Location     *location.Location
	Silent       func(aor rtc.AOR, b *location.Binding) bool // the device of a binding does not answer
	Gate         *auth.Gate
	Routes       func() []proxy.Route
	Exchange     *telephony.Exchange
	Records      cdr.Store
	Trunks       *gateways.Trunks
	// Registrations is how we are registered with a trunk, false when it wants none.
	Registrations trunks.Registrations
	Settings      *settings.Table
	Groups        *group.Table
	Rules         *dialplan.Rules
	Guard         *guard.Guard
	Explain       func(user rtc.AOR, dialled string) ([]routing.Step, error) // what becomes of a number
	PINT          pint.Rooms
	Policy        *policy.Engine
	Numbers       func(site string) *number.Plan
	Phones        phones.Room
	Presence      presence.Rooms // but for what is here already
	Contacts      *contactbook.Book
	Consent       *consent.Book
	Messages      *im.IM
	Kept          Forgetter                         // messages that wait, also while no server runs
	Knows         func(user, somebody rtc.AOR) bool // whether he is in the contact list of the user
	Trace         *trace.Ring
	Status        func() Status
	Reload        func() error
	Snapshot      func(context.Context) (path string, octets int64, err error)
	Log           *slog.Logger
}

// Forgetter drops what it keeps of a user who is no more, and returns when that is on disk.
type Forgetter interface {
	Forget(ctx context.Context, user rtc.AOR) error
}

// API is the operations on the rooms of one server.
type API struct {
	Rooms
	set *op.Set
}

// New makes the API of rooms.
func New(rooms Rooms) *API {
	if rooms.Log == nil {
		rooms.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{Rooms: rooms}
	cfg := op.Config{
		Title:       "Tandem",
		Description: "Operates a Tandem server: users, devices, registrations and what goes on. By task: docs/api.md.",
		Version:     "1",
		Log:         rooms.Log,
		Explain:     explain,
	}
	if rooms.Directory != nil {
		cfg.User = a.named
	}
	if rooms.State != nil {
		cfg.Record = rooms.State
	}
	a.set = op.New(cfg)
	a.nouns()
	if rooms.Exchange != nil && rooms.State != nil {
		rooms.Exchange.Watch(a.tellCall)
	}
	return a
}

// nouns is all the API speaks of.
func (a *API) nouns() {
	parse := func(text string) (rtc.AOR, error) { return a.Directory.ParseAOR(text) }
	a.registerUsers()
	a.registerDevices()
	a.registerRegistrations()
	a.registerRoutes()
	callcontrol.Register(a.set, callcontrol.Rooms{Exchange: a.Exchange, Running: a.running})
	apisettings.Register(a.set, apisettings.Rooms{Settings: a.Settings, Directory: a.Directory})
	groups.Register(a.set, groups.Rooms{Groups: a.Groups, Directory: a.Directory, Numbers: a.Numbers})
	trunks.Register(a.set, trunks.Rooms{Trunks: a.Trunks, Registrations: a.Registrations, Running: a.running, Try: a.Exchange.Try, ParseAOR: parse})
	dialling.Register(a.set, dialling.Rooms{Rules: a.Rules, Guard: a.Guard, Explain: a.Explain, Running: a.running, ParseAOR: parse})
	a.registerPINT()
	a.registerPolicy()
	a.registerBans()
	a.registerCalls()
	records.Register(a.set, records.Rooms{Records: a.Records, Running: a.running, ParseAOR: parse})
	a.registerTrace()
	a.registerServer()
	phones.Register(a.set, a.Phones, a.running)
	a.registerPresence()
	contacts.Register(a.set, contacts.Rooms{Contacts: a.Contacts, Directory: a.Directory, Consent: a.Consent})
	messages.Register(a.set, messages.Rooms{Messages: a.Messages, Directory: a.Directory, Consent: a.Consent, Running: a.running})
	admin.Register(a.set, a.State, a.named, a.running)
}

// named finds the address of a user as people write it.
func (a *API) named(name string) (string, error) {
	user, err := a.Directory.Named(name)
	return string(user), err
}

func (a *API) registerPresence() {
	r := a.Presence
	r.Directory, r.Running = a.Directory, a.running
	if a.State != nil {
		r.Tell = a.Tell
	}
	presence.Register(a.set, r)
}

func (a *API) registerPINT() {
	rooms := a.PINT
	rooms.Running = a.running
	if a.Directory != nil {
		rooms.ParseAOR = a.Directory.ParseAOR
	}
	pint.Register(a.set, rooms)
}

// Handler serves callers that access.With has named.
func (a *API) Handler() http.Handler {
	h := a.set.Handler()
	if a.State != nil {
		h = a.Idempotency.Handler(h)
	}
	return http.MaxBytesHandler(h, op.MaxBody)
}

// OpenAPI is the description of all operations, in YAML.
func (a *API) OpenAPI() ([]byte, error) { return a.set.OpenAPI() }

// running is what operations need that look into a running server.
func (a *API) running() error {
	if a.Status == nil {
		return problem.New(http.StatusServiceUnavailable, "not_running", "no server is running with this data folder").Fix("start it with: tandem serve")
	}
	return nil
}
